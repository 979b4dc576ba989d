"""Client hints in JSON lines refine what page views tell of an environment, and none of them is stored."""

HINTS = {
    "http_sec_ch_ua": '"Chromium";v="152", "Google Chrome";v="152", "Not.A/Brand";v="99"',
    "http_sec_ch_ua_platform": '"Windows"',
    "http_sec_ch_ua_platform_version": '"15.77.4242"',
    "http_sec_ch_ua_mobile": "?0",
    "http_user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/152.0.0.0 Safari/537.36",
}


def test_page_view_tells_the_system_s_version_and_keeps_no_hint(town):
    headless = {"http_sec_ch_ua": '"HeadlessChrome";v="152", "Chromium";v="152"'}
    town.land(
        "access",
        "hinted.jsonl",
        [
            town.visit(None, None, "2026-11-21", 5, **HINTS),
            town.visit(None, None, "2026-11-21", 6, **HINTS, remote_addr="203.0.113.77"),
            town.visit(None, None, "2026-11-21", 7, **{**HINTS, **headless}, request_uri="/missing", status=404),
        ],
    )
    town.take_in()

    views = town.rows("page_views").filter(browser_family="Chrome").sort("event_at")
    assert views.select("os_family", "os_major", "device_class", "bot_family").rows() == [
        ("Windows", 11, "desktop", None),
        ("Windows", 11, "desktop", None),
        ("Windows", None, "bot", "other"),
    ]
    assert "other" in set(town.rows("security_events")["bot_family"])
    paths = [path for path in town.home.rglob("*") if path.is_file() and "landing" not in path.parts]
    assert not any(b"15.77.4242" in path.read_bytes() for path in paths)
