"""Faults planted into clean documents on purpose, each with its name, so that cleaning can be measured.

They stand for what crawled text brings: documents copied whole or with small changes, frames of web pages, encodings
read wrongly, lines of two texts mixed up, and strings that look private. All names and numbers are made up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

FAULTY_SHARE = 0.12
MEMORY = 4_000  # clean documents that a copy may repeat


@dataclass(frozen=True)
class Document:
    """`fault` is "" for a clean text. `planted` strings must not be in what cleaning leaves of it."""

    text: str
    fault: str = ""
    planted: tuple[str, ...] = ()


FRAMES = (
    "Home | News | About us | Contact", "We use cookies to make this site better. Accept all cookies?",
    "Subscribe to our newsletter and never miss a story!", "© 2021 The Little Lamp. All rights reserved.",
    "Click here to read the next page", "Read more", "Continue reading →", "Advertisement",
    "By using this site you agree to our terms of service.", "Privacy policy | Imprint | Help",
    "Share this post with your friends on all networks", "Log in or sign up to comment", "Powered by QuickPress 4.2",
    "Please enable JavaScript to see this page.", "Page 3 of 12", "Last updated: 4 March 2019",
    "Related posts: ten more things to know", "Skip to content", "Your browser is not supported.",
    "Copyright 2018 Green Door Media", "Sign in to continue", "Loading...", "Sponsored content from our partners",
    "Subscribe to our channel for free updates", "Cookie settings",
    "版权所有，未经许可不得转载", "点击这里查看全文", "阅读全文", "关注我们的公众号，每天收到新文章",
    "首页 | 新闻 | 关于我们",
    "订阅本站，不错过任何更新", "上一篇：春天的花园", "下一篇：雨后的小路", "责任编辑：小林",
    "登录后可以评论", "隐私政策和服务条款",
    "分享到朋友圈", "返回顶部", "免费注册，马上使用", "点击下载手机版",
)  # fmt: skip
PEOPLE = ("anna.berg", "tom_reed", "lin.wei88", "office", "m.stone", "k.larsen", "wanghong", "hello.there")
HOSTS = ("example.org", "mail.example.com", "post.example.net", "inbox.example.cn")


def with_planted_faults(clean: Iterable[str], seed: int, share: float = FAULTY_SHARE) -> Iterator[Document]:
    """The clean documents in order, and between them faulty ones that make up `share` of all.

    A fault never takes a document away: faulty ones are made from texts that also come clean, so that dropping them
    loses nothing."""
    rng = Random(f"dirt {seed}")  # another word would plant other faults
    memory: list[str] = []
    for text in clean:
        yield Document(text)
        if len(memory) < MEMORY:
            memory.append(text)
        else:
            memory[rng.randrange(MEMORY)] = text
        if rng.random() < share / (1 - share):
            fault = rng.choice(tuple(FAULTS))
            yield FAULTS[fault](rng, memory)


def _exact(rng: Random, memory: Sequence[str]) -> Document:
    return Document(rng.choice(memory), "exact duplicate")


def _near(rng: Random, memory: Sequence[str]) -> Document:
    """Typing errors, lost or doubled letters and other case in up to 4% of the characters."""
    letters = list(rng.choice(memory))
    for _ in range(max(1, int(rng.uniform(0.005, 0.04) * len(letters)))):
        place = rng.randrange(len(letters))
        change = rng.randrange(4)
        letters[place] = ("", letters[place] * 2, letters[place].swapcase(), rng.choice("etaoinsr，的"))[change]
    return Document("".join(letters), "near duplicate")


def _boilerplate(rng: Random, memory: Sequence[str]) -> Document:
    """A page's frame around a text, or the frame alone."""
    lines = tuple(rng.sample(FRAMES, rng.randint(3, 6)))
    if rng.random() < 0.3:
        return Document("\n".join(lines), "boilerplate", lines)
    cut = rng.randrange(len(lines))
    return Document("\n".join([*lines[:cut], rng.choice(memory), *lines[cut:]]), "boilerplate", lines)


def _broken(rng: Random, memory: Sequence[str]) -> Document:
    """UTF-8 read as another encoding, letters lost, or control characters and lone surrogates between the letters."""
    text = rng.choice(memory)
    places = sorted(rng.sample(range(len(text)), max(2, len(text) // 40)), reverse=True)
    kind = rng.randrange(4)
    if kind == 0:
        accented = text.rstrip(".").replace("'", "’") + "…"
        return Document(accented.encode().decode("cp1252", "replace"), "broken encoding", ("â€", "Ã", "ï¼", "ã€"))
    signs = ("", "\ufffd", "\x00", "\ud83d")[kind]
    for place in places:
        text = text[:place] + signs + text[place + (kind == 1) :]
    return Document(text, "broken encoding", (signs,))


def _mixed(rng: Random, memory: Sequence[str]) -> Document:
    """Two texts cut into short lines that are shuffled together."""
    lines = []
    for text in rng.sample(memory, 2):
        flat, start = text.replace("\n", " "), 0
        step = 12 if any(letter >= "\u4e00" for letter in flat[:20]) else 36
        while start < len(flat):
            end = min(len(flat), start + step + rng.randrange(8))
            if step == 36:
                end = max(end, flat.find(" ", end) if flat.find(" ", end) > 0 else len(flat))
            lines.append(flat[start:end].strip())
            start = end
    rng.shuffle(lines)
    return Document("\n".join(lines), "mixed lines")


def _private(rng: Random, memory: Sequence[str]) -> Document:
    """A sentence with a made-up address, number or key in a text."""
    digits: Callable[[int], str] = lambda count: "".join(rng.choice("0123456789") for _ in range(count))  # noqa: E731
    secret, sentence = rng.choice(
        (
            (mail := f"{rng.choice(PEOPLE)}@{rng.choice(HOSTS)}", f"Write to {mail} for more."),
            (phone := f"+44 {digits(3)} {digits(3)} {digits(4)}", f"My number is {phone}."),
            (call := f"({digits(3)}) {digits(3)}-{digits(4)}", f"Call {call} after six."),
            (mobile := f"13{digits(9)}", f"我的电话是{mobile}。"),
            (mail, f"请把照片发到{mail}。"),
            (card := " ".join(digits(4) for _ in range(4)), f"The card number is {card}."),
            (identity := digits(17) + "X", f"身份证号码是{identity}。"),
            (address := ".".join(str(rng.randrange(1, 255)) for _ in range(4)), f"The server is at {address}."),
            (key := f"sk-{digits(8)}a{digits(12)}", f"Use the key {key} to log in."),
            (word := f"otter{digits(4)}", f"Her password is {word}."),
        )
    )
    text = rng.choice(memory)
    end = max(text.find(". "), text.find("。"))
    place = end + (2 if text[end : end + 2] == ". " else 1) if end > 0 else len(text)
    blank = " " if sentence.isascii() else ""
    return Document(text[:place].rstrip(" ") + blank + sentence + blank + text[place:], "private string", (secret,))


FAULTS: dict[str, Callable[[Random, Sequence[str]], Document]] = {
    "exact duplicate": _exact,
    "near duplicate": _near,
    "boilerplate": _boilerplate,
    "broken encoding": _broken,
    "mixed lines": _mixed,
    "private string": _private,
}
