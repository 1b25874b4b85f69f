# A session with Python's redis client; fails by raising. The only argument is the port.
import sys

import redis

r = redis.Redis(port=int(sys.argv[1]), decode_responses=True, client_name="py", socket_timeout=10)


def same(got, want):
    if got != want:
        raise SystemExit(f"got {got!r}, want {want!r}")


same(r.ping(), True)
same(r.flushall(), True)
same(r.client_getname(), "py")
same(r.client_setname("again"), True)
same(r.set("a", "1", ex=100), True)
same(r.get("a"), "1")
same(0 < r.ttl("a") <= 100, True)
same(r.set("a", "2", nx=True), None)
same(r.set("a", "3", get=True), "1")
same(r.incr("n", 5), 5)
same(r.incrbyfloat("f", 1.5), 1.5)
same(r.append("s", "abc"), 3)
same(r.mset({"x": 1, "y": 2}), True)
same(r.mget("x", "y", "z"), ["1", "2", None])
same(r.expire("x", 1000, gt=True), False)
same(r.expire("x", 1000, nx=True), True)
same(r.getex("x", persist=True), "1")
same(r.ttl("x"), -1)
same(r.exists("x", "y", "z"), 2)
same(r.delete("x", "y", "z"), 2)

with r.pipeline(transaction=False) as p:
    for i in range(1000):
        p.set(f"key:{i}", i)
    same(p.execute(), [True] * 1000)
with r.pipeline(transaction=True) as p:
    same(p.set("t", 1).incr("t").get("t").execute(), [True, 2, "2"])
same(sorted(r.scan_iter("key:*", count=7)), sorted(f"key:{i}" for i in range(1000)))
same(len(r.keys("key:1??")), 100)


def take(p):
    n = int(p.get("stock") or 0)
    p.multi()
    p.set("stock", n + 1)


same(r.transaction(take, "stock"), [True])
with r.pipeline() as p:
    p.watch("stock")
    r.set("stock", 10)
    p.multi()
    p.set("stock", 0)
    try:
        p.execute()
        raise SystemExit("EXEC after a change of a watched key did not fail")
    except redis.WatchError:
        pass
same(r.get("stock"), "10")

info = r.info()
for field in ("redis_version", "redis_mode", "loading", "role", "connected_clients", "db0", "uptime_in_seconds"):
    same(field in info, True)
same(info["db0"]["keys"], r.dbsize())
same(r.config_get("appendfsync")["appendfsync"], "always")
same(r.config_set("timeout", 0), True)
same(isinstance(r.command_count(), int), True)
same("get" in r.command(), True)
same(r.command_getkeys("SET", "k", "v"), ["k"])
same(r.client_list()[0]["name"], "again")
same(isinstance(r.client_id(), int), True)
same(len(r.time()), 2)
same(r.object("encoding", "n"), "int")
same(r.copy("a", "a2"), True)
same(r.rename("a2", "a3"), True)
same(r.randomkey() is not None, True)
same(r.wait(0, 10), 0)
same(isinstance(r.slowlog_get(), list), True)
same(isinstance(r.memory_usage("a"), int), True)
same(r.lcs("a", "a3"), "3")
try:
    r.execute_command("NOSUCH", "x")
    raise SystemExit("an unknown command did not fail")
except redis.ResponseError as e:
    same(str(e), "unknown command 'NOSUCH', with args beginning with: 'x' ")
same(r.flushdb(asynchronous=True), True)
same(r.dbsize(), 0)
print("ok")
