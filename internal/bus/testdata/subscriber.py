"""A plain libzmq subscriber: ENDPOINT HEARTBEAT_MS PREFIX... Prints what it gets, a JSON list of frames a line; ends with its input."""

import json
import sys
import threading

import zmq

endpoint, heartbeat_ms, prefixes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
context = zmq.Context()
sub = context.socket(zmq.SUB)
sub.setsockopt(zmq.LINGER, 0)
sub.setsockopt(zmq.RCVTIMEO, 200)
sub.setsockopt(zmq.RCVHWM, 0)
sub.setsockopt(zmq.RECONNECT_IVL, 20)
if heartbeat_ms:
    sub.setsockopt(zmq.HEARTBEAT_IVL, heartbeat_ms)
    sub.setsockopt(zmq.HEARTBEAT_TIMEOUT, 10000)
sub.connect(endpoint)
for prefix in prefixes:
    sub.setsockopt(zmq.SUBSCRIBE, prefix.encode())

over = threading.Event()


def follow_orders():
    """Each line of input is an order: "-PREFIX" cancels a subscription."""
    for line in sys.stdin:
        orders.append(line.rstrip("\n"))
    over.set()


orders = []
threading.Thread(target=follow_orders, daemon=True).start()
while not over.is_set():
    while orders:
        sub.setsockopt(zmq.UNSUBSCRIBE, orders.pop(0)[1:].encode())
    try:
        frames = sub.recv_multipart()
    except zmq.Again:
        continue
    print(json.dumps([f.decode() for f in frames]), flush=True)
