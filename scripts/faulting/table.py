"""Which faults there are: each module's own, named in one line here."""

from collections.abc import Sequence

from scripts.faulting import deletion, duplicates, hosts, load, namespaces, network, servers, steps
from scripts.faulting.model import Fault

MODULES = (steps, duplicates, load, deletion, servers, network, hosts, namespaces)
FAULTS: Sequence[Fault] = tuple(fault for module in MODULES for fault in module.FAULTS)
