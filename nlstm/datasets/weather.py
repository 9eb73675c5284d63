"""Daily weather of Seattle: one series to forecast."""

from pathlib import Path

import numpy as np

__all__ = ["seattle_weather"]

FILE = Path(__file__).parent / "seattle_weather.csv"


def seattle_weather() -> tuple[np.ndarray, np.ndarray]:
    """Read the daily weather of Seattle, 2012 to 2015, without a gap.

    Returns
    -------
    dates : ndarray(datetime64[D]), shape (1461,)
        2012-01-01 to 2015-12-31.
    values : ndarray(float64), shape (1461, 4)
        One column each for precipitation (mm), highest temperature (degrees Celsius), lowest
        temperature (degrees Celsius) and wind speed (m/s).

    References
    ----------
    NOAA (public domain), as the `vega_datasets` package ships it. The file's last column, the
    weather in one word, is left out.
    """
    table = np.loadtxt(FILE, dtype=str, delimiter=",", skiprows=1, encoding="utf-8")
    dates = np.char.replace(table[:, 0], "/", "-").astype("datetime64[D]")
    return dates, table[:, 1:5].astype(np.float64)
