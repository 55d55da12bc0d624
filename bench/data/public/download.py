"""One file over HTTP: resumed where it broke off, given up where it stalls, and checked before it counts.

pooch checks the sum and renames into place; the transfer is our own, as pooch's begins anew each time and waits for
a server that sends a byte now and then.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
import urllib3

from bench.errors import one_line

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long to put up with a server.

    Parameters
    ----------
    timeout : float
        Longest wait for a connection, an answer or the next bytes (seconds).
    slowest : float
        Least rate over any `timeout` seconds (bytes a second).
    attempts : int
        Transfers of one file, each going on where the last one broke off.
    pause : float
        Before the second attempt, twice that before the third, and so on (seconds).
    """

    timeout: float = 30.0
    slowest: float = 1024.0
    attempts: int = 3
    pause: float = 1.0


class DownloadError(Exception):
    """A file cannot be had from an address; one line says why.

    Parameters
    ----------
    unreachable : bool
        The server did not answer at all: asking it for other files is no use.
    """

    def __init__(self, message: str, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable


class _Broken(DownloadError):
    """It may go better the next time."""


def download(url: str, folder: Path, sha256: str | None, limit: int, patience: Patience, session: requests.Session) -> Path:
    """Fetch a file into a folder; a part that an earlier call left there is gone on with.

    Parameters
    ----------
    url : str
        http or https; so must be the addresses that it is redirected to.
    folder : Path
        Gets the file, and the part of it until it is whole. Both are named by hashes.
    sha256 : str or None
        What it must be; None for an archive whose members have sums.
    limit : int
        Largest size (bytes).

    Raises
    ------
    DownloadError
        The file cannot be had there, or is another one, which is then removed.
    """
    pooch.get_logger().setLevel("WARNING")
    # an image is the same from everywhere, an archive is known by its address alone
    name = sha256 or hashlib.sha256(url.encode()).hexdigest()
    part = folder / f"{name}.part"

    def transfer(address: str, output_file: str, pooch: object) -> None:
        _get(session, address, part, limit, patience)
        os.replace(part, output_file)

    for _ in range(2):
        resumed = part.exists()
        try:
            return Path(pooch.retrieve(url, sha256, fname=f"{name}.whole", path=folder, downloader=transfer))
        except ValueError:  # pooch's word for a wrong sum
            if not resumed:  # else the part may have been the culprit
                break
    raise DownloadError("is another file than the published one: its sha256 differs")


def _get(session: requests.Session, url: str, part: Path, limit: int, patience: Patience) -> None:
    """Complete `part`, in several attempts."""
    for attempt in range(1, patience.attempts + 1):
        try:
            return _transfer(session, url, part, limit, patience)
        except _Broken:
            if attempt == patience.attempts:
                raise
            time.sleep(patience.pause * attempt)


def _transfer(session: requests.Session, url: str, part: Path, limit: int, patience: Patience) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with session.get(url, headers=headers, stream=True, timeout=patience.timeout) as response:
            if have and response.status_code in (206, 416):
                sent = response.headers.get("Content-Range", "none")
                if response.status_code == 416 and sent == f"bytes */{have}":
                    return  # there is no more of it
                if response.status_code == 416 or not sent.startswith(f"bytes {have}-"):
                    part.unlink()  # the next attempt begins anew
                    raise _Broken(f"cannot go on after {have} bytes ({response.status_code}, range {one_line(sent)})")
            elif response.status_code == 200:
                have = 0
            else:
                kind = _Broken if response.status_code == 429 or response.status_code >= 500 else DownloadError
                raise kind(f"answers {response.status_code} {one_line(response.reason or '')}".strip())
            _receive(response, part, have, limit, patience)
    except (requests.exceptions.InvalidSchema, requests.TooManyRedirects) as error:
        raise DownloadError(f"leads astray ({one_line(error)})") from None
    except (requests.ConnectionError, requests.Timeout) as error:
        root = _root(error)
        for_now = not isinstance(root, (ssl.SSLError, urllib3.exceptions.NewConnectionError, requests.ConnectTimeout))
        reason = f"no answer for {patience.timeout:g} s" if isinstance(error, requests.Timeout) else _words(root)
        raise (_Broken if for_now else DownloadError)(f"cannot be reached: {reason}", unreachable=True) from None
    except requests.RequestException as error:
        raise DownloadError(f"cannot be asked for ({one_line(error)})") from None


def _receive(response: requests.Response, part: Path, have: int, limit: int, patience: Patience) -> None:
    """Append the body to `part`, which is kept when it breaks off."""
    length = response.headers.get("Content-Length", "")
    whole = have + int(length) if length.isascii() and length.isdigit() else None
    if whole is not None and whole > limit:
        raise DownloadError(f"is larger than {limit} bytes")
    got, since, then = have, 0, time.monotonic()
    with part.open("ab" if have else "wb") as file:
        while True:
            try:
                # read1 returns what has come; read would wait for the whole chunk, and never see how slow it is
                data = response.raw.read1(_CHUNK, decode_content=False)
            except urllib3.exceptions.TimeoutError:
                raise _Broken(f"stalled for {patience.timeout:g} s after {got} bytes") from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _Broken(f"broke off after {got} bytes ({_words(_root(error))})") from None
            if not data:
                break
            file.write(data)
            got, since = got + len(data), since + len(data)
            if got > limit:
                part.unlink()
                raise DownloadError(f"is larger than {limit} bytes")
            now = time.monotonic()
            if now - then >= patience.timeout:
                if since < patience.slowest * (now - then):
                    raise _Broken(f"is slower than {patience.slowest:g} bytes a second, after {got} bytes")
                since, then = 0, now
    if whole is not None and got < whole:
        raise _Broken(f"broke off after {got} of {whole} bytes")


def _root(error: BaseException) -> BaseException:
    """The error at the bottom, of several layers that quote each other."""
    for below in (getattr(error, "reason", None), error.args[-1] if error.args else None):
        if isinstance(below, BaseException):
            return _root(below)
    return error


def _words(error: BaseException) -> str:
    """An error without the Python object that it begins with."""
    return one_line(re.sub(r"^<?\w+\(.*?\)>?: ", "", str(error)))[:200] or type(error).__name__
