# Reads the changes of a node with redis-py as a person would: from the beginning, then what comes, by token.
import json
import sys

import redis

r = redis.Redis(port=int(sys.argv[1]))
r.set("py:1", "one")
r.hset("py:2", "field", b"\xff\x00")
token, items = r.execute_command("CHANGES", "READ", "ALL", "FROM", "BEGIN", "COUNT", 100000, "MATCH", "py:*")
seen = [json.loads(item) for item in items]
assert [(c["op"], c["key"]) for c in seen] == [("set", "py:1"), ("hset", "py:2")], seen
assert seen[0]["value"] == "one" and seen[1]["value64"] == "/wA=", seen
r.delete("py:1")
token, items = r.execute_command("CHANGES", "READ", "ALL", "FROM", token, "BLOCK", 10000, "MATCH", "py:*")
assert [json.loads(item)["op"] for item in items] == ["del"], items
assert r.execute_command("CHANGES", "READ", "ALL", "FROM", token)[1] == []
print("ok")
