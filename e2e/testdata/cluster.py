# redis-py's cluster client at work. Arguments: what to do, key, value, HOST:PORT of start-up nodes.
#
# session  SET and GET, and what goes to all nodes, which removes all keys; then, after a line on standard input, GET is tried for 20 seconds.
# patient  SET and GET; then, after a line, GET is tried as long, with a new client when the old one is broken.
# load     INCR until there is a line on standard input; no error is forgiven.
# kills    the same while nodes are killed: an increment may be sent again, and count twice, but none may be missing.
# replicas SET on primaries and GET from replicas too, until there is a line on standard input.
import collections
import logging
import sys
import threading
import time

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException

task, key, value, *addresses = sys.argv[1:]


def connect(**options):
    nodes = [ClusterNode(host, int(port)) for host, port in (a.rsplit(":", 1) for a in addresses)]
    return RedisCluster(startup_nodes=nodes, decode_responses=True, **options)


def on_keys(r):
    assert r.set(key, value), "SET"
    assert r.get(key) == value, "GET"
    for i in range(200):
        assert r.set(f"{key}:{i}", i), "SET of many"
        assert r.set(f"{i}:elsewhere", i), "SET of others"
    assert [r.get(f"{key}:{i}") for i in range(200)] == [str(i) for i in range(200)], "GET of many"
    assert r.mget_nonatomic([f"{key}:1", f"{key}:2", "nothing"]) == ["1", "2", None], "MGET"
    pipe = r.pipeline()
    for i in range(50):
        pipe.incr(f"{key}:{i}")
        pipe.incr(f"{i}:elsewhere")
    assert pipe.execute() == [i + 1 for i in range(50) for _ in range(2)], "pipeline"


def on_all_nodes(r):
    """These go to what the client takes for primaries: it must know all of them, and count nothing twice."""
    assert r.flushall() and on_keys(r) is None
    assert len(r.get_primaries()) == len(r.get_nodes()) == 3, f"every node leads something: {r.get_nodes()}"
    everywhere = {"target_nodes": RedisCluster.PRIMARIES}  # by default these two ask one node only
    assert r.dbsize(**everywhere) == 401, f"DBSIZE: {r.dbsize(**everywhere)}"
    assert len(r.keys(**everywhere)) == 401, f"KEYS: {len(r.keys(**everywhere))}"
    scanned = list(r.scan_iter(count=50))
    assert len(scanned) == len(set(scanned)) == 401, f"SCAN: {len(scanned)}"
    assert r.flushall() and r.dbsize(**everywhere) == 0 and r.get(key) is None, "FLUSHALL"
    assert r.set(key, value), "SET after FLUSHALL"


def patiently(r):
    """By default it gives a command up after 3 seconds of broken connections, which is less than a node's successor may take where there is much to do."""
    end = time.monotonic() + 20
    while True:
        try:
            r = r or connect()
            return r.get(key)
        except Exception as err:
            if time.monotonic() > end:
                raise
            print(f"again after: {err!r}", file=sys.stderr)
            if task == "patient" and isinstance(err, RedisClusterException):
                r = None
            time.sleep(0.1)


def until_told(step):
    """Prints "set" after the first step, takes steps until there is a line on standard input, and counts them."""
    told, steps = threading.Event(), 0
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
    while not told.is_set():
        step(steps)
        if steps == 0:
            print("set", flush=True)
        steps += 1
    print(steps, flush=True)


class Newest(logging.Handler):
    """Keeps the newest errors that the client has met, each on a line: the last one alone does not say why it has given up."""

    def __init__(self):
        super().__init__()
        self.lines = collections.deque(maxlen=40)

    def emit(self, record):
        self.lines.append(f"{time.strftime('%H:%M:%S')} {record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


def load():
    # By default it tries a command 3 times, which can be over before a node has a successor. Before version 4.4 it cannot read the topology again either when the
    # first of its start-up nodes is gone, unless it keeps to those that it was given.
    newest = Newest()
    if task == "kills":  # it tells of each connection that breaks
        logging.getLogger().addHandler(newest)
    r = connect(cluster_error_retry_attempts=100, dynamic_startup_nodes=False) if task == "kills" else connect()
    counted = [0] * 97

    def step(n):
        got, want = r.incr(f"{key}:{n % 97}"), counted[n % 97] + 1
        assert got == want or task == "kills" and got > want, f"INCR number {n} returned {got}, want {want}"
        counted[n % 97] = got

    try:
        until_told(step)
    except Exception:
        print(*newest.lines, sep="\n", file=sys.stderr)
        raise
    # Redirects must not have taught it that a node is a replica and nothing else: SCAN goes to primaries.
    found = len(set(r.scan_iter(f"{key}:*")))
    assert found == 97, f"SCAN finds {found} of 97 keys"


def replicas():
    r = connect(read_from_replicas=True)
    behind = []

    def step(n):
        name, began = f"{key}:{n % 97}", time.monotonic()
        assert r.set(name, n), "SET"
        while int(r.get(name) or -1) < n:  # the client asks another copy each time
            assert time.monotonic() < began + 2, f"{name} is not {n} everywhere within 2 s"
        behind.append(time.monotonic() - began)

    until_told(step)
    print(f"seen after {max(behind):.3f} s at most", file=sys.stderr)


if task in ("session", "patient"):
    r = connect()
    on_keys(r)
    if task == "session":
        on_all_nodes(r)
    print("set", flush=True)
    sys.stdin.readline()
    print(patiently(r), flush=True)
else:
    {"load": load, "kills": load, "replicas": replicas}[task]()
