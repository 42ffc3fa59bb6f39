"""What schemathesis must not send, since it would judge the answer wrongly."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    if not str(case.media_type).startswith(("multipart/", "application/x-www-form")):
        return True
    if not isinstance(case.body, dict):
        return True
    return all(sendable(str(name), value) for name, value in case.body.items())


def sendable(name, value):
    # Control characters have no place in the header of a multipart part, and in
    # a form a list of one cannot be told from its entry.
    control = any(ord(char) < 0x20 or ord(char) == 0x7F for char in name)
    return not control and (not name.endswith("[]") or isinstance(value, list))
