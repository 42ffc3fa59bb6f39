"""A client that copes with lost answers and busy servers, and one that believes it does. Yours takes their place."""

import time

import requests
from desk import Desk


class CarefulDesk(Desk):
    """Looks whether a report has arrived before it sends it again, and waits as long as it is told."""

    def __init__(self, base_url, api_key, sleep=time.sleep):
        super().__init__(base_url, api_key)
        self.sleep = sleep

    def report(self, title):
        try:
            return super().report(title)
        except requests.ConnectionError:
            return self.find(title) or super().report(title)

    def find(self, title):
        found = self._ask("GET", params={"query": title})["items"]
        return next((item["id"] for item in found if item["title"] == title), None)

    def pause(self, answer):
        return int(answer.headers["Retry-After"])

    def _send(self, method, url, **request):
        while (answer := super()._send(method, url, **request)).status_code == 429:
            self.sleep(self.pause(answer))
        return answer


class HastyDesk(CarefulDesk):
    """The same with two usual mistakes."""

    def find(self, title):
        return None

    def pause(self, answer):
        return 1
