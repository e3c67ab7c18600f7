"""Which names stand for one site: "lanskybros" and "shop.lanskybros.com" do."""

_SAID_BY_MANY = frozenset(
    "www shop store forum forums blog blogs secure portal docs mail news info com org net edu gov "
    "blogspot wordpress livenation apps demo test example".split()
)


def same_site(a: str, b: str) -> bool:
    """Return whether two site names share a part that tells sites apart; in doubt they do."""
    return a.lower() == b.lower() or not _parts(a).isdisjoint(_parts(b))


def _parts(site: str) -> frozenset[str]:
    return frozenset(p for p in site.lower().split(".") if len(p) > 2 and p not in _SAID_BY_MANY)
