"""What signals are called."""

import signal


def signal_name(number: int) -> str:
    """As SIGSEGV; SIG40 for one without a name, by which a program that was taken over may end itself."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
