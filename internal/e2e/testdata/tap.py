"""Follows the tap with libzmq itself and prints one line of JSON for each message: [tag, the event's position, its id]."""
import json
import sys

import zmq

context = zmq.Context()
sub = context.socket(zmq.SUB)
sub.setsockopt(zmq.LINGER, 0)
sub.setsockopt(zmq.RCVHWM, 0)
sub.setsockopt(zmq.SUBSCRIBE, b"")
sub.connect(sys.argv[1])
poller = zmq.Poller()
poller.register(sub, zmq.POLLIN)
poller.register(sys.stdin, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if sys.stdin.fileno() in ready:  # closed: the test is over
        break
    tag, body = sub.recv_multipart()
    event = json.loads(body)
    print(json.dumps([tag.decode(), event["pos"], event["id"]]), flush=True)
context.destroy()
