import pytest

import groundling


@pytest.mark.parametrize("name", groundling.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(groundling, name).__doc__


def test_an_unknown_name_says_so():
    with pytest.raises(AttributeError, match="no attribute 'Groundhog'"):
        _ = groundling.Groundhog
