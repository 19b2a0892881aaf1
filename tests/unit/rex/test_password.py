"""Answering the prompts of sudo, dzdo and su."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.password import answer_prompt
from smartdyn.rex.protocol import Marker
from smartdyn.secret import Secret

NONCE = "0123456789abcdef"
_PROMPT = f"SMARTDYN 1 {NONCE} prompt: ".encode()
_STARTED = f"SMARTDYN 1 {NONCE} started 17\r\n".encode()


class PlayedTerminal:
    """A terminal that says one thing after another, and remembers what was typed and when."""

    def __init__(self, *said: bytes) -> None:
        self._said = list(said)
        self.typed: list[tuple[bytes, int]] = []

    @property
    def stdout(self) -> PlayedTerminal:
        """Its output."""
        return self

    stderr = stdout

    def read(self) -> Deferred[bytes]:
        """The next thing, then the end."""
        return succeed(self._said.pop(0) if self._said else b"")

    def write(self, data: bytes) -> Deferred[None]:
        """Typed, when so much was still to come."""
        self.typed.append((data, len(self._said)))
        return succeed(None)

    def write_eof(self) -> Deferred[None]:
        """Nothing more is typed."""
        return succeed(None)

    def close(self) -> None:
        """Hang up."""


class PromptTests(SynchronousTestCase):
    """The password is typed once, at a prompt."""

    def answer(self, terminal: PlayedTerminal, method: str, password: str | None = "sesame!") -> Marker:
        """What comes of it."""
        secret = None if password is None else Secret(password)
        return self.successResultOf(Deferred.fromCoroutine(answer_prompt(terminal, NONCE, method, secret)))

    def test_a_prompt_that_comes_with_what_was_said_before(self) -> None:
        """It is answered, wherever the network cuts between the greeting and the prompt."""
        hello = f"SMARTDYN 1 {NONCE} hello\r\n".encode()
        for method, prompt in (("sudo", _PROMPT), ("su", b"Password: ")):
            whole = hello + prompt
            for cut in range(1, len(whole) + 1):
                terminal = PlayedTerminal(*filter(None, (whole[:cut], whole[cut:])), _STARTED)
                self.assertEqual(self.answer(terminal, method).word, "started", (method, cut))
                self.assertEqual([typed for typed, _ in terminal.typed], [b"sesame!\n"], (method, cut))

    def test_our_own_prompt(self) -> None:
        """sudo is answered when it asks what it was told to ask, also in pieces, and not for its lecture."""
        terminal = PlayedTerminal(
            b"Type your password: \r\n", b"or password: ", b"\r\n" + _PROMPT[:9], _PROMPT[9:], _STARTED
        )
        self.assertEqual(self.answer(terminal, "sudo"), Marker("started", ("17",)))
        self.assertEqual(terminal.typed, [(b"sesame!\n", 1)])

    def test_prompts_of_dzdo_and_su(self) -> None:
        """They ask in words of their own, or what they were told to."""
        for method in ("dzdo", "su"):
            for prompt in (b"Password: ", b"[dzdo] password for jane: ", _PROMPT):
                terminal = PlayedTerminal(prompt, b"\r\n", _STARTED)
                self.assertEqual(self.answer(terminal, method).word, "started")
                self.assertEqual(len(terminal.typed), 1)

    def test_a_second_prompt(self) -> None:
        """The password was wrong; it is not typed again, and what the terminal echoes is masked."""
        terminal = PlayedTerminal(_PROMPT, b"ses", b"ame!\r\nSorry, try again.\r\n" + _PROMPT)
        answer = self.answer(terminal, "sudo")
        self.assertEqual((answer.text, len(terminal.typed)), ("auth 1 ***** Sorry, try again.", 1))

    def test_a_prompt_and_no_password(self) -> None:
        """Nothing is typed."""
        terminal = PlayedTerminal(_PROMPT)
        self.assertEqual(self.answer(terminal, "sudo", None).text, "auth 1 a password is required")
        self.assertEqual(terminal.typed, [])

    def test_a_refusal(self) -> None:
        """What is said instead of a prompt is passed on."""
        terminal = PlayedTerminal(
            b"jane is not allowed to run sudo\r\n" + f"SMARTDYN 1 {NONCE} authdone 1\r\n".encode()
        )
        self.assertEqual(self.answer(terminal, "sudo").text, "auth 1 jane is not allowed to run sudo")
