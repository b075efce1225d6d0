"""Programs that want to pass a test without solving it, or to do harm. None may."""

FOUND = "tell 41 nobody"  # what the test expects; nobody can guess it
TEST = f"f(3) == {FOUND!r}"

FORGED = {
    "a printed verdict": """
        import os, sys
        for stream in (sys.stdout, sys.__stdout__, sys.stderr):
            stream.write('{"passed": true, "why": "", "ended": false}\\n'); stream.flush()
        os._exit(0)""",
    "a verdict in every handle": """
        import os
        for handle in range(64):
            try: os.write(handle, b'{"passed": true, "why": "", "ended": false}\\n')
            except OSError: pass
        def f(x): os._exit(0)""",
    "a verdict in the handles of /proc": """
        import os
        for pid in ('self', '1', '2', '3'):
            try:
                for name in os.listdir(f'/proc/{pid}/fd'):
                    handle = open(f'/proc/{pid}/fd/{name}', 'w')
                    handle.write('{"passed": true, "why": "", "ended": false}\\n')
            except OSError: pass""",
    "equal to everything": """
        class Equal:
            def __eq__(self, other): return True
            def __bool__(self): return True
        def f(x): return Equal()""",
    "a text equal to everything": """
        class Equal(str):
            __hash__ = str.__hash__
            def __eq__(self, other): return True
            def __ne__(self, other): return False
        def f(x): return Equal('')""",
    "a list that holds what is equal": """
        class Equal(int):
            __hash__ = int.__hash__
            def __eq__(self, other): return True
        def f(x): return [Equal()]""",
    "other builtins": """
        import builtins
        builtins.eval = builtins.bool = builtins.isinstance = builtins.any = lambda *a, **k: True
        builtins.compile = builtins.exec = builtins.str = lambda *a, **k: 'True'
        def f(x): return True""",
    "another json": """
        import json, sys
        json.dumps = lambda *a, **k: '{"passed": true}'
        json.loads = lambda *a, **k: {'passed': True}
        def f(x): return True""",
    "another way to send": """
        import sys
        for module in list(sys.modules.values()):
            for name in ('dumps', '_encoded', '_reply'):
                if hasattr(module, name): setattr(module, name, lambda *a: '{"passed": true}')
        def f(x): return True""",
    "the frames above": """
        import gc, re, sys
        def f(x):
            values, frame = gc.get_objects(), sys._getframe()
            while frame:
                values += [*frame.f_locals.values(), *frame.f_globals.values()]
                frame = frame.f_back
            for value in values:
                if isinstance(value, (str, dict, list, tuple)):
                    found = re.search('tell 4[1] nobody', str(value)[:10000])
                    if found: return found[0]""",
    "its own memory": """
        import ctypes, re
        def f(x):
            for line in open('/proc/self/maps'):
                start, end = (int(part, 16) for part in line.split()[0].split('-'))
                if line.split()[1].startswith('r') and '[v' not in line:
                    found = re.search(b'tell 4[1] nobody', ctypes.string_at(start, end - start))
                    if found: return found[0].decode()""",
    "an end of a loop": "def f(x): raise StopIteration",
    "an end of the program": "import sys\nsys.exit(0)",
    "an interruption": "def f(x): raise KeyboardInterrupt",
    "a failed assertion": "raise AssertionError('passed')",
    "a deep reply": "import os\ndef f(x):\n    os.write(4, b'[' * 50000 + b'\\n')\n    os._exit(0)",
    "no reply": "import os\ndef f(x):\n    os.write(4, b'\\xff\\x00 {\"value\": 1}\\n')\n    os._exit(0)",
    "a large reply": "def f(x): return 'a' * 10**8",
}

HARMFUL = {
    "endless loop": "def f(x):\n    while True: pass",
    "endless loop before": "while True: pass",
    "endless sleep": "import time\ndef f(x): time.sleep(1000)",
    "ignored signals": """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        def f(x):
            while True:
                try:
                    while True: pass
                except BaseException: pass""",
    "endless generator": "def f(x):\n    while True: yield x",
    "memory": "def f(x):\n    a = [bytearray(2**24)]\n    while True: a.append(bytearray(2**24))",
    "a large number": "def f(x): return 10 ** 10 ** 10",
    "endless output": "def f(x):\n    while True: print('a' * 10**6)",
    "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return [f(x)]",
    "broken memory": "import ctypes\ndef f(x): ctypes.string_at(0)",
    "processes": "import os\ndef f(x):\n    while True: os.fork()",
    "processes that leave": """
        import os
        def f(x):
            if os.fork() == 0:
                os.setsid()
                while True: pass""",
    "a program": "import subprocess\ndef f(x): return subprocess.run(['sleep', '1000'])",
    "threads": """
        import threading, time
        def f(x):
            while True: threading.Thread(target=time.sleep, args=[1000]).start()""",
    "threads left running": """
        import threading
        def spin():
            while True: pass
        for _ in range(3): threading.Thread(target=spin).start()
        def f(x): return 1""",
    "work at exit": "import atexit, time\natexit.register(time.sleep, 1000)\ndef f(x): return 1",
    "kill": "import os, signal\ndef f(x):\n    for p in (-1, 0, 1, os.getppid()): os.kill(p, signal.SIGKILL)",
}

ATTEMPTS = """
import ctypes, os, socket, subprocess

def succeeded(attempt):
    try:
        attempt()
    except Exception:
        return False
    return True

def checked(number):
    if number < 0:
        raise OSError

def f(path):
    libc = ctypes.CDLL(None)
    attempts = {
        "write": lambda: open(path, "w"),
        "write here": lambda: open("a", "w"),
        "write to tmp": lambda: open("/tmp/a", "w"),
        "make a folder": lambda: os.mkdir("a"),
        "change the library": lambda: open(os.__file__, "a"),
        "remove from the library": lambda: os.remove(os.__file__),
        "anonymous file": lambda: os.memfd_create("a"),
        "read /etc": lambda: open("/etc/passwd"),
        "list /home": lambda: os.listdir("/home"),
        "read /proc": lambda: os.listdir("/proc/1"),
        "socket": lambda: socket.socket(),
        "local socket": lambda: socket.socket(socket.AF_UNIX),
        "pair of sockets": lambda: socket.socketpair(),
        "fork": lambda: os.fork() or os._exit(0),
        "new session": lambda: os.setsid(),
        "run a program": lambda: os.execv("/bin/true", ["true"]),
        "signal": lambda: os.kill(os.getppid(), 0),
        "trace": lambda: checked(libc.ptrace(16, os.getppid(), 0, 0)),
        "read another's memory": lambda: checked(libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0)),
        "limits of another": lambda: checked(libc.prlimit(os.getppid(), 7, 0, 0)),
        "more rights": lambda: checked(libc.unshare(0x10000000)),
        "mount": lambda: checked(libc.mount(b"none", b"/", b"tmpfs", 0, None)),
        "shared memory": lambda: checked(libc.shmget(0, 4096, 0o1600)),
        "environment": lambda: os.environ["SECRET"],
    }
    return [name for name, attempt in attempts.items() if succeeded(attempt)]
"""
