#!/usr/bin/python3
"""What `linnet scenario --control` runs: hands its argument (kill, stop, start, restart) to the test that has the server,
over the Unix socket LINNET_CONTROL, and waits until that is done."""
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["LINNET_CONTROL"])
    connection.sendall(sys.argv[1].encode() + b"\n")
    answer = connection.makefile().read()
if answer != "done":
    sys.exit("control: " + answer)
