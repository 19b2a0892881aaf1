"""Hands sockets to a command as systemd does: C{handover.py NAME=DESCRIPTOR... -- COMMAND...}."""

import os
import sys

end = sys.argv.index("--")
pairs = [pair.split("=") for pair in sys.argv[1:end]]
# Out of the way first: the numbers that they are to have may be taken by one another
moved = [os.dup2(int(descriptor), 100 + index) for index, (_, descriptor) in enumerate(pairs)]
for index, descriptor in enumerate(moved):
    os.dup2(descriptor, 3 + index)
    os.close(descriptor)
names = ":".join(name for name, _ in pairs)
environment = {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(pairs)), "LISTEN_FDNAMES": names}
os.execvpe(sys.argv[end + 1], sys.argv[end + 1 :], environment)
