"""A client that handles lost responses and rate limits, and a client with two mistakes. Replace them with yours."""

import time

import requests
from desk_client import DeskClient


class RetryingClient(DeskClient):
    """Searches for the ticket before it repeats a request, and waits as long as `Retry-After` says."""

    def __init__(self, base_url, api_key, sleep=time.sleep, timeout=10):
        super().__init__(base_url, api_key, timeout)
        self.sleep = sleep

    def create_ticket(self, title):
        try:
            return super().create_ticket(title)
        except requests.RequestException:  # a broken connection, a truncated response, a timeout, or a 5xx
            return self.find_ticket(title) or super().create_ticket(title)

    def find_ticket(self, title):
        tickets = self._call("GET", params={"query": title})["items"]
        return next((ticket["id"] for ticket in tickets if ticket["title"] == title), None)

    def retry_delay(self, response):
        return int(response.headers["Retry-After"])

    def _send(self, method, url, **options):
        while (response := super()._send(method, url, **options)).status_code == 429:
            self.sleep(self.retry_delay(response))
        return response


class NaiveClient(RetryingClient):
    """The same client with two common mistakes."""

    def find_ticket(self, title):
        return None

    def retry_delay(self, response):
        return 1
