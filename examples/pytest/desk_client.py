"""The client under test. Replace it with yours, which needs a base URL and an API key."""

import requests


class ApiError(Exception):
    """The help desk rejected the request. The text is its error message."""


class DeskClient:
    """Raises an ApiError if a request is rejected, and a requests.RequestException if its outcome is unknown."""

    def __init__(self, base_url, api_key, timeout=10):
        self.timeout = timeout
        self.tickets_url = f"{base_url}/api/v2/ticket"
        self.session = requests.Session()
        self.session.headers["apiKey"] = api_key

    def create_ticket(self, title):
        ticket = {"brandID": 1, "channelID": 1, "direction": "inbound"}
        ticket |= {"from": "ada@example.test", "to": "desk@example.test", "title": title}
        parts = {name: (None, str(value)) for name, value in ticket.items()}
        return self._call("POST", files=parts)["ticketID"]

    def close_ticket(self, ticket_id):
        self._call("PUT", f"/{ticket_id}", data={"status": "closed"})

    def solve_tickets(self, *ticket_ids):
        parts = [("status", (None, "solved"))] + [("ticketIDs[]", (None, str(id))) for id in ticket_ids]
        self._call("POST", "/setStatus", files=parts)

    def list_titles(self, **search):
        return [ticket["title"] for ticket in self._call("GET", params=search)["items"]]

    def _call(self, method, path="", **options):
        response = self._send(method, self.tickets_url + path, **options)
        if response.status_code >= 500:
            response.raise_for_status()
        if not response.ok:
            raise ApiError(response.json()["message"])
        return response.json()

    def _send(self, method, url, **options):
        return self.session.request(method, url, timeout=self.timeout, **options)
