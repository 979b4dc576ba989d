"""What people hold: browsers, phones and the service's own app, each with a user agent and a device id."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Flags, Indices, Stream
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
            pl.Series("advertising_id", [uuid.upper() for uuid in draw_uuids(stream, len(persons))]),
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
    """Only the app tells its model and advertising id, the latter only where its owner allows."""
    is_app = pl.col("kind") == "app"
    chances = pl.Series("chance", stream.random(clients.height))
    models = [
        _MODELS[platform][pick] if kind == "app" else None
        for kind, platform, pick in zip(
            clients["kind"], clients["platform"], stream.integers(0, 7, clients.height).tolist(), strict=True
        )
    ]
    allowed = chances >= pl.col("platform").replace_strict(_ADVERTISING_REFUSED, default=1.0, return_dtype=pl.Float64)
    return clients.with_columns(
        pl.when(is_app & allowed).then("advertising_id"),
        pl.when(is_app).then("os_version"),
        pl.when(is_app).then("app_version"),
        pl.Series("model", models, dtype=pl.String),
    )
