"""Attacks on the older HTTP transport: answers come by an event stream."""

import json

from tests.attacks.web import WebAttacker
from tests.drivers.messages import CLIENT, Json


class EventStreamAttacker(WebAttacker):
    """An attacker who keeps one stream open, and sends to the place that it names."""

    kind = "sse"

    def open(self) -> None:
        self.wait_until_listening()
        self.stream = self.open_stream()
        event, self.endpoint = self.stream.next()
        assert event == "endpoint"
        self.raw(self.frame("initialize", CLIENT))
        self.notify("notifications/initialized", {})

    def receive(self) -> Json:
        """The next answer; what the server tells on its own is looked at with the rest of the traffic."""
        while True:
            name, data = self.stream.next()
            if name == ":":
                continue  # a sign of life
            assert name == "message", (name, data)
            self.traffic.append((b"", data.encode()))
            message: Json = json.loads(data)
            if "id" in message:
                return message

    def raw(self, frame: bytes, answers: int = 1) -> list[Json]:
        self.last_status, _, body = self.exchange(frame, path=self.endpoint)
        assert self.last_status == 202, body
        return [self.receive() for _ in range(answers)]

    def many(self, calls: list[tuple[str, Json]]) -> list[Json]:
        ids = []
        for tool, arguments in calls:
            frame = self.frame("tools/call", {"name": tool, "arguments": arguments})
            ids.append(self.next_id)
            self.raw(frame, answers=0)
        found = {message["id"]: message for message in (self.receive() for _ in ids)}
        assert sorted(found) == ids
        return [found[each] for each in ids]
