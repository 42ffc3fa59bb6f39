"""Checks the report of newman: eleven requests, each with the status 200. Argument: the report."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    executions = json.load(file)["run"]["executions"]
failed = [one["item"]["name"] for one in executions if one.get("response", {}).get("code") != 200]
if failed or len(executions) != 11:
    sys.exit(f"{len(executions)} requests, without the status 200: {failed}")
print("eleven requests with the status 200")
