"""What people hold: browsers, phones and the service's own app, each with a user agent and a device id."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Flags, Indices, Stream, pick
from pipelines.synthetic.user_agents import choose_user_agents, load_user_agents

KINDS = ("desktop", "mobile", "tablet", "feature_phone", "app")
_MEMBER_SHARES = (0.52, 0.70, 0.07, 0.02, 0.45)
_VISITOR_SHARES = (0.40, 0.62, 0.05, 0.02, 0.10)

_ACCEPT_LANGUAGES = {
    "ja": ("ja", "ja-JP", "ja,en-US;q=0.9,en;q=0.8", "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7"),
    "en": ("en-US,en;q=0.9", "en-GB,en;q=0.9,ja;q=0.8", "en-US,en;q=0.5", "en"),
    "zh": ("zh-CN,zh;q=0.9", "zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh-CN,zh;q=0.9,ja;q=0.8", "zh-Hans-CN"),
    "ko": ("ko-KR,ko;q=0.9", "ko-KR,ko;q=0.9,ja;q=0.8", "ko", "ko,en-US;q=0.9,en;q=0.8"),
}
_LOCALES = {"ja": "ja_JP", "en": "en_US", "zh": "zh_CN", "ko": "ko_KR"}
_MODELS = {
    "ios": ("iPhone12,8", "iPhone13,2", "iPhone14,5", "iPhone14,6", "iPhone15,4", "iPhone16,1", "iPhone17,3"),
    "android": ("SO-51C", "SC-51D", "SH-54B", "Pixel 7a", "Pixel 8", "SOG11", "A202ZT"),
}
_ADVERTISING_REFUSED = {"ios": 0.55, "android": 0.12}


def draw_clients(stream: Stream, people: pl.DataFrame) -> pl.DataFrame:
    """One row a client, in the order of `people`: `person`, `kind`, `user_agent`, `device_id`, and the app's facts."""
    persons, kinds = _draw_kinds(stream, people)
    agents = np.zeros(len(persons), dtype=np.int64)
    for code, kind in enumerate(KINDS):
        agents[kinds == code] = choose_user_agents(stream, kind, int((kinds == code).sum()))
    languages = people["language"].gather(persons)
    return (
        load_user_agents()[agents]
        .select("kind", "platform", "user_agent", "os_version", "app_version")
        .with_columns(
            pl.Series("person", persons),
            pl.Series("device_id", draw_uuids(stream, len(persons))),
            pl.Series("accept_language", _draw_accept_languages(stream, languages)),
            languages.replace_strict(_LOCALES).alias("locale"),
        )
        .pipe(_keep_app_facts, stream)
    )


def draw_uuids(stream: Stream, count: int) -> list[str]:
    """Version 4 UUIDs, lower-case."""
    noise = stream.bytes(16 * count)
    return [str(UUID(bytes=noise[at : at + 16], version=4)) for at in range(0, len(noise), 16)]


def _draw_kinds(stream: Stream, people: pl.DataFrame) -> tuple[Indices, Indices]:
    """Owner and kind of each client; nobody is without one, and who will leave has the app."""
    member: Flags = people["user_id"].is_not_null().to_numpy()
    shares = np.where(member[:, None], _MEMBER_SHARES, _VISITOR_SHARES)
    holds = stream.random(shares.shape) < shares
    holds[:, KINDS.index("app")] |= people["leaving"].is_not_null().to_numpy()
    holds[:, KINDS.index("mobile")] |= ~holds.any(axis=1)
    persons, kinds = np.nonzero(holds)
    return persons, kinds


def _draw_accept_languages(stream: Stream, languages: pl.Series) -> list[str]:
    variants = stream.integers(0, 4, len(languages)).tolist()
    return [_ACCEPT_LANGUAGES[language][variant] for language, variant in zip(languages, variants, strict=True)]


def _keep_app_facts(clients: pl.DataFrame, stream: Stream) -> pl.DataFrame:
    """Only the app tells its versions, its model and an advertising id, the latter only where its owner allows."""
    app = np.flatnonzero(clients["kind"] == "app")
    platforms, chances = clients["platform"].gather(app), stream.random(len(app))
    models = [pick(stream, _MODELS[platform]) for platform in platforms]
    identifiers = [
        uuid.upper() if chance >= _ADVERTISING_REFUSED[platform] else None
        for uuid, chance, platform in zip(draw_uuids(stream, len(app)), chances, platforms, strict=True)
    ]
    return clients.with_columns(
        pl.when(kind="app").then("os_version").alias("os_version"),
        pl.when(kind="app").then("app_version").alias("app_version"),
        _spread(clients.height, app, models).alias("model"),
        _spread(clients.height, app, identifiers).alias("advertising_id"),
    )


def _spread(count: int, places: Indices, texts: Sequence[str | None]) -> pl.Series:
    """The texts at their places among `count`, null everywhere else."""
    return pl.repeat(None, count, dtype=pl.String, eager=True).scatter(places, pl.Series(texts, dtype=pl.String))
