# A session of redis-py's cluster client: SET and GET, then, after a line on standard input, GET again.
# Arguments: key, value, HOST:PORT of start-up nodes.
import sys

from redis.cluster import ClusterNode, RedisCluster

key, value, *addresses = sys.argv[1:]
nodes = [ClusterNode(host, int(port)) for host, port in (a.rsplit(":", 1) for a in addresses)]
r = RedisCluster(startup_nodes=nodes, decode_responses=True)
assert r.set(key, value), "SET"
assert r.get(key) == value, "GET"
for i in range(200):
    assert r.set(f"{key}:{i}", i), "SET of many"
assert [r.get(f"{key}:{i}") for i in range(200)] == [str(i) for i in range(200)], "GET of many"
assert r.mget_nonatomic([f"{key}:1", f"{key}:2", "nothing"]) == ["1", "2", None], "MGET"
pipe = r.pipeline()
for i in range(50):
    pipe.incr(f"{key}:{i}")
assert pipe.execute() == [i + 1 for i in range(50)], "pipeline"
print("set", flush=True)
sys.stdin.readline()
print(r.get(key), flush=True)
