"""What schemathesis must not send, since it would judge the answer wrongly; and what it can do with a new ticket."""

import schemathesis

MADE = "$response.body#/ticketID"
ASKED = "$request.path.ticketID"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Links from one request to the next. Those that a path or a name tells are found without."""
    paths = raw_schema["paths"]
    if "/api/v2/ticket" not in paths:
        return
    several = {"ticketIDs[]": [MADE]}
    action = {"actions[0][actionType]": "title", "actions[0][value]": "Renamed"}
    link(paths["/api/v2/ticket"]["post"], {
        "ticketItemGET": {"parameters": {"ticketID": MADE}},
        "ticketItemPUT": {"parameters": {"ticketID": MADE}},
        "ticketItemDELETE": {"parameters": {"ticketID": MADE}},
        "ticketMultiDELETE": {"requestBody": several},
        "ticketSetStatusPOST": {"requestBody": {"status": "solved", **several}},
        "ticketSetPriorityPOST": {"requestBody": {"priority": "urgent", **several}},
        "ticketUnlinkCustomerFromTicketPOST": {"requestBody": {"ticketID": MADE}},
        "ticketBatchPOST": {"requestBody": {"TicketIDs": "{%s}" % MADE, **action}},
    })
    item = paths["/api/v2/ticket/{ticketID}"]
    same = {"parameters": {"ticketID": ASKED}}
    for method in ("get", "put", "delete"):
        link(item[method], {
            f"ticketItem{next_one.upper()}": same for next_one in ("get", "put", "delete")
        })


def link(operation, targets):
    links = operation["responses"]["200"].setdefault("links", {})
    for target, how in targets.items():
        links[target] = {"operationId": target, **how}


@schemathesis.hook
def before_call(context, case, kwargs):
    """What a link puts into a list may be there already, and no ticket may be named twice."""
    ids = case.body.get("ticketIDs[]") if isinstance(case.body, dict) else None
    if isinstance(ids, list) and all(isinstance(id, int) for id in ids):
        first = ids[:1]
        case.body["ticketIDs[]"] = first + [id for id in ids[1:] if id not in first]


@schemathesis.hook
def filter_case(context, case):
    has_body = isinstance(case.body, dict)
    if case.method == "DELETE" and case.path.endswith("/multi"):
        # One of the two is needed, and the body goes before the query.
        if has_body == ("ticketIDs[]" in (case.query or {})):
            return False
    if not str(case.media_type).startswith(("multipart/", "application/x-www-form")):
        return True
    return not has_body or all(sendable(str(name), value) for name, value in case.body.items())


def sendable(name, value):
    # Control characters have no place in the header of a multipart part, a
    # backslash is written there as two, and in a form a list of one cannot be told
    # from its entry.
    # An optional field that is empty counts as not sent.
    if value == "":
        return False
    odd = any(ord(char) < 0x20 or char in "\\\x7f" for char in name)
    return not odd and (not name.endswith("[]") or isinstance(value, list))
