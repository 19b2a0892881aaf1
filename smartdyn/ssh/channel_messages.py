"""Which messages of the connection protocol may come when, and in what form (RFC 4254)."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.connection import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_GLOBAL_REQUEST,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    SSHConnection,
)

from smartdyn.ssh.wire import Malformed, MessageReader

_FORMS = {
    MSG_GLOBAL_REQUEST: "sb",
    MSG_CHANNEL_OPEN: "suuu",
    MSG_CHANNEL_OPEN_CONFIRMATION: "uuu",
    MSG_CHANNEL_OPEN_FAILURE: "us",
    MSG_CHANNEL_WINDOW_ADJUST: "u",
    MSG_CHANNEL_DATA: "s",
    MSG_CHANNEL_EXTENDED_DATA: "us",
    MSG_CHANNEL_REQUEST: "sb",
}
"""The fields of each, behind the channel where there is one: string, uint32, boolean. More may follow."""

_OF_NO_CHANNEL = (MSG_GLOBAL_REQUEST, MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE, MSG_CHANNEL_OPEN)
_ANSWERS_TO_OPEN = (MSG_CHANNEL_OPEN_CONFIRMATION, MSG_CHANNEL_OPEN_FAILURE)
_ANSWERS = (MSG_CHANNEL_SUCCESS, MSG_CHANNEL_FAILURE)
_DATA = (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA)


def check(number: int, payload: bytes, connection: SSHConnection) -> None:
    """Refuse what does not fit the state of the connection and its channels.

    @param number: one of the protocol's messages.
    @raise Malformed: it does not fit.
    """
    reader = MessageReader(payload)
    if number in _OF_NO_CHANNEL:
        _fields(number, reader)
        if number in (MSG_REQUEST_SUCCESS, MSG_REQUEST_FAILURE) and not connection.deferreds["global"]:
            raise Malformed("it answers a request that was not made")
        return
    place: Any = reader.uint32()
    channel = connection.channels.get(place)
    is_open = channel in connection.channelsToRemoteChannel
    if channel is None or is_open is (number in _ANSWERS_TO_OPEN):
        raise Malformed(f"channel {place} is not one for which it may come")
    fields = _fields(number, reader)
    if number == MSG_CHANNEL_OPEN_CONFIRMATION and not fields[-1]:
        raise Malformed("packets of no bytes carry nothing")
    if number in _ANSWERS and not connection.deferreds.get(place):
        raise Malformed("it answers a request that was not made")
    if number in _DATA and len(fields[-1]) > min(channel.localWindowLeft, channel.localMaxPacket):
        # Taking the rest of the stream would leave a hole in it
        raise Malformed("it brings more data than was allowed")


def _fields(number: int, reader: MessageReader) -> list[Any]:
    take = {"s": reader.string, "u": reader.uint32, "b": lambda: reader.take(1)}
    return [take[kind]() for kind in _FORMS.get(number, "")]
