"""Hooks of schemathesis: they remove requests that it would judge wrongly, and add links that use a new ticket."""

import schemathesis

CREATED_ID = "$response.body#/ticketID"
REQUESTED_ID = "$request.path.ticketID"
OPTIONAL_BODIES = ["POST /_control/accounts", "POST /_control/accounts/{account}/keys"]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds links between requests that schemathesis does not derive from paths and names."""
    paths = raw_schema["paths"]
    if "/api/v2/ticket" not in paths:
        return
    ids_body = {"ticketIDs[]": [CREATED_ID]}
    action = {"actions[0][actionType]": "title", "actions[0][value]": "Renamed"}
    link(paths["/api/v2/ticket"]["post"], {
        "ticketItemGET": {"parameters": {"ticketID": CREATED_ID}},
        "ticketItemPUT": {"parameters": {"ticketID": CREATED_ID}},
        "ticketItemDELETE": {"parameters": {"ticketID": CREATED_ID}},
        "ticketMultiDELETE": {"requestBody": ids_body},
        "ticketSetStatusPOST": {"requestBody": {"status": "solved", **ids_body}},
        "ticketSetPriorityPOST": {"requestBody": {"priority": "urgent", **ids_body}},
        "ticketUnlinkCustomerFromTicketPOST": {"requestBody": {"ticketID": CREATED_ID}},
        "ticketBatchPOST": {"requestBody": {"TicketIDs": "{%s}" % CREATED_ID, **action}},
    })
    item = paths["/api/v2/ticket/{ticketID}"]
    same_id = {"parameters": {"ticketID": REQUESTED_ID}}
    for method in ("get", "put", "delete"):
        link(item[method], {
            f"ticketItem{target.upper()}": same_id for target in ("get", "put", "delete")
        })


def link(operation, targets):
    links = operation["responses"]["200"].setdefault("links", {})
    for target, values in targets.items():
        links[target] = {"operationId": target, **values}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Removes duplicate ids: a link may add an id that the list already has, and the server rejects duplicates."""
    ids = case.body.get("ticketIDs[]") if isinstance(case.body, dict) else None
    if isinstance(ids, list) and all(isinstance(id, int) for id in ids):
        first = ids[:1]
        case.body["ticketIDs[]"] = first + [id for id in ids[1:] if id not in first]


@schemathesis.hook
def filter_case(context, case):
    has_body = isinstance(case.body, dict)
    if case.operation.label in OPTIONAL_BODIES and case.body is None:
        # The server accepts null instead of a missing body, because some generated clients send it.
        return False
    if case.method == "DELETE" and case.path.endswith("/multi"):
        # The ids must be in the body or in the query; those in the body take precedence.
        if has_body == ("ticketIDs[]" in (case.query or {})):
            return False
    if not str(case.media_type).startswith(("multipart/", "application/x-www-form")):
        return True
    return not has_body or all(is_sendable(str(name), value) for name, value in case.body.items())


def is_sendable(name, value):
    # The header of a multipart part cannot contain control characters, a backslash is
    # escaped there, and in a form a list with one entry is equal to the entry.
    # An empty optional field counts as missing.
    if value == "":
        return False
    has_special_chars = any(ord(char) < 0x20 or char in "\\\x7f" for char in name)
    return not has_special_chars and (not name.endswith("[]") or isinstance(value, list))
