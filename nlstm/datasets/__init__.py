"""Small real data sets that ship with the package; `README.md` here gives sources and licences."""

from nlstm.datasets.vowels import japanese_vowels as japanese_vowels
from nlstm.datasets.weather import seattle_weather as seattle_weather
