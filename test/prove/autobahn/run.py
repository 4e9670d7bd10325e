"""
Runs the cases of the Autobahn test suite against both sockets of a server. The suite is written for Python 2 and for servers that
echo: its cases are converted, and what comes of a message is put in the place of the echo.

    python3 run.py SUITE URL [CASE...]

SUITE is the directory `autobahntestsuite/autobahntestsuite` of a clone of crossbario/autobahn-testsuite, URL that of a server of its own
(http://127.0.0.1:8245). Needs Debian's python3-autobahn and python3-twisted. Prints the table of docs/websocket.md: the outcome
of each case as the suite judges it, and `refused` where a tail answered a message as it must: with an error, and 1008 (1009 over 4 KiB).
"""
import binascii
import glob
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import groupby
from urllib.parse import urlparse

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket import utf8validator
from twisted.internet import reactor

QUEUE = {"maxMessages": 100_000, "maxBytes": 64 * 1024 * 1024, "maxMessageBytes": 16 * 1024 * 1024, "reserve": False}
# What lib2to3 leaves as it is, and what is left out: a case that is in no list, and compression, which is never negotiated here.
NOT_CONVERTED = (
    ("(self.payload) / ", "(self.payload) // "),
    ("(object, Case, )", "(Case, )"),
    ("from .case9_9_1 import *\n", ""),
    ("from .case12_x_x import *\n", ""),
    ("from .case13_x_x import *\n", ""),
    ("Cases.extend(Case12_X_X)\n", ""),
    ("CaseSubCategories.update(Case12_X_X_CaseSubCategories)\n", ""),
    ("Cases.extend(Case13_X_X)\n", ""),
    ("CaseSubCategories.update(Case13_X_X_CaseSubCategories)\n", ""),
)


def to_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def to_text(data):
    """The cases hold bytes as text, one character a byte."""
    return data.decode("latin-1") if isinstance(data, (bytes, bytearray)) else data


class TextValidator:
    def __init__(self, kind=utf8validator.Utf8Validator):
        self.validator = kind()
        self.reset = self.validator.reset

    def validate(self, text):
        return self.validator.validate(to_bytes(text))


def load_cases(suite):
    """The cases as Python 3, by their names."""
    copy = tempfile.mkdtemp()
    shutil.copytree(os.path.join(suite, "case"), os.path.join(copy, "case"))
    words = [sys.executable, "-W", "ignore", "-m", "lib2to3", "-wn", "--no-diffs", os.path.join(copy, "case")]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for file in glob.glob(os.path.join(copy, "case", "*.py")):
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        with open(file, "w") as opened:
            # Text was bytes: characters beyond ASCII are as many as their UTF-8 has.
            text = "".join(c if c.isascii() else "".join("\\x%02x" % byte for byte in c.encode()) for c in text)
            for old, new in NOT_CONVERTED:
                text = text.replace(old, new)
            opened.write(text)
    hex_of = binascii.b2a_hex
    binascii.b2a_hex = lambda data: hex_of(data) if isinstance(data, bytes) else hex_of(to_bytes(data)).decode()
    utf8validator.Utf8Validator = TextValidator
    sys.path.insert(0, copy)
    from case import Cases

    shutil.rmtree(copy)
    return {case.__name__[4:].replace("_", "."): case for case in Cases}


class Peer(WebSocketClientProtocol):
    """What a case is given as `p`."""

    def connectionMade(self):
        self.createWirelog = False
        self.connectionWasOpen = False
        self.txFrameStats = {}
        self.kinds = []
        self.refused = False
        self.runCase = self.factory.case(self)
        super().connectionMade()

    def onOpen(self):
        self.connectionWasOpen = True
        self.runCase.onOpen()

    def onMessage(self, payload, isBinary):
        echo = self.factory.socket.echo(self, json.loads(payload))
        if echo is not None:
            self.runCase.onMessage(to_text(echo), self.kinds.pop(0))

    def onPong(self, payload):
        self.runCase.onPong(to_text(payload))

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.runCase.onConnectionLost(self.failedByMe)
        self.factory.done(self)

    def sendFrame(self, opcode, payload="", **options):
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        if opcode in (1, 2):
            self.kinds.append(opcode == 2)
        super().sendFrame(opcode, to_bytes(payload), **options)

    def sendMessage(self, payload, isBinary=False, **options):
        super().sendMessage(to_bytes(payload), isBinary, **options)

    def beginMessage(self, isBinary=False, **options):
        self.kinds.append(isBinary)
        super().beginMessage(isBinary, **options)

    def sendMessageFrameData(self, payload, **options):
        return super().sendMessageFrameData(to_bytes(payload), **options)

    def sendClose(self, code=None, reason=None):
        self.sendCloseFrame(code, reason)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, reasonUtf8 if reasonUtf8 is None else to_bytes(reasonUtf8), isReply)

    def enableWirelog(self, enable):
        pass

    def continueLater(self, delay, go_on, tag=None):
        reactor.callLater(delay, lambda: self.state != self.STATE_CLOSED and go_on())

    def killAfter(self, delay):
        self.continueLater(delay, lambda: self._fail_connection())

    def closeAfter(self, delay):
        self.continueLater(delay, lambda: self.sendClose())


class PushSocket:
    """A message comes back as it is stored."""

    path = "/queues/autobahn/push"

    def __init__(self, host):
        self.http = http.client.HTTPConnection(host)

    def echo(self, _peer, answer):
        if answer.get("code") == "empty_body":
            return b""
        self.http.request("GET", "/queues/autobahn/messages/%d" % answer["first"])
        return self.http.getresponse().read()

    def outcome(self, peer):
        return judged(peer)


class TailSocket:
    """A tail takes acks only: a message is answered with an error and the close code 1008, one of over 4 KiB with 1009."""

    path = "/queues/autobahn/tail"

    def __init__(self, _host):
        pass

    def echo(self, peer, frame):
        peer.refused = peer.refused or frame.get("code") == "bad_parameter"
        return None

    def outcome(self, peer):
        refused = peer.remoteCloseCode == 1009 or (peer.refused and peer.remoteCloseCode == 1008)
        return "refused" if refused else judged(peer)


def judged(peer):
    case = peer.runCase
    if case.behavior == "OK" and case.behaviorClose not in ("OK", "INFORMATIONAL"):
        return "OK, close " + case.behaviorClose
    return case.behavior


class Runner(WebSocketClientFactory):
    protocol = Peer

    def __init__(self, url, socket, cases):
        super().__init__(url.replace("http", "ws", 1) + socket.path)
        self.setProtocolOptions(failByDrop=False)
        self.socket, self.cases, self.outcomes = socket, list(cases.items()), {}

    def next(self, onEnd):
        if not self.cases:
            return onEnd(self.outcomes)
        self.name, self.case = self.cases.pop(0)
        self.onEnd = onEnd
        address = urlparse(self.url)
        reactor.connectTCP(address.hostname, address.port, self)

    def done(self, peer):
        self.outcomes[self.name] = self.socket.outcome(peer)
        print(self.socket.path, self.name, self.outcomes[self.name], file=sys.stderr)
        reactor.callLater(0, self.next, self.onEnd)


def table(results):
    """Neighbours with the same outcome share a row."""
    names = list(results[0])
    rows = [(name.split(".")[0], [outcomes[name] for outcomes in results], name) for name in names]
    print("| cases | number | pushes | tail |\n|---|---|---|---|")
    for (_, outcomes), group in groupby(rows, lambda row: row[:2]):
        same = [name for _, _, name in group]
        print("| %s | %d | %s |" % (same[0] if len(same) == 1 else f"{same[0]} to {same[-1]}", len(same), " | ".join(outcomes)))


def main(suite, url, *wanted):
    host = urlparse(url).netloc
    connection = http.client.HTTPConnection(host)
    connection.request("PUT", "/queues/autobahn", json.dumps(QUEUE))
    if connection.getresponse().status not in (200, 201):
        sys.exit("The queue cannot be made.")
    cases = {name: case for name, case in load_cases(suite).items() if not wanted or name.startswith(wanted)}
    runners = [Runner(url, socket(host), dict(cases)) for socket in (PushSocket, TailSocket)]

    def end(_outcomes):
        table([runner.outcomes for runner in runners])
        reactor.stop()

    runners[0].next(lambda _outcomes: runners[1].next(end))
    reactor.run()


main(*sys.argv[1:])
