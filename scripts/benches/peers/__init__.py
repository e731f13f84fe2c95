"""What Darkroom is compared with: each a program of its own, run by its own interpreter where it needs one."""
