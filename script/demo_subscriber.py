#!/usr/bin/python3
"""A subscriber in another language: any ZeroMQ client can follow the alerts. Usage: demo_subscriber.py SOCKET [TOPIC...]"""
import json
import sys

import zmq

socket = zmq.Context.instance().socket(zmq.SUB)
for topic in sys.argv[2:] or ["council/", "feed/"]:
    socket.setsockopt_string(zmq.SUBSCRIBE, topic)
socket.connect("ipc://" + sys.argv[1])
print("listening", flush=True)
while True:
    topic, body = socket.recv_multipart()
    alert = json.loads(body)
    print("#%d %s %s\n   %s" % (alert["data"]["seq"], alert["time"], topic.decode(), alert["data"]["text"]), flush=True)
