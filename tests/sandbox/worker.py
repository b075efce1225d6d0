"""A worker that does what a test asks of it."""

import os
import socket
import time

WARM_UP = {"echo": 0}


def answer(request):
    match request:
        case {"echo": value}:
            return {"echo": value}
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"environment": name}:
            return {"value": os.environ.get(name)}
        case {"connect": _}:
            socket.socket()
        case {"open": path}:
            open(path).close()
        case {"read": size, "handles": [handle]}:
            return {"value": os.read(handle, size).decode()}
        case {"leave": seconds}:
            child = os.fork()
            if child == 0:
                time.sleep(seconds)
                os._exit(0)
            return {"child": child}
        case {"exit": status}:
            os._exit(status)
        case {"say": words}:
            print(words)
        case {"hoard": size}:
            return {"length": len(bytearray(size))}
        case {"work": seconds}:
            start = time.process_time()
            while time.process_time() - start < seconds:
                pass
    return {}
