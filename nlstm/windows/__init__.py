"""Windows of series: what a model sees of a time series, and what it is to forecast."""

from nlstm.windows.backtest import backtest as backtest
from nlstm.windows.conformal import RollingConformal as RollingConformal
from nlstm.windows.conformal import SplitConformal as SplitConformal
from nlstm.windows.cut import windows as windows
from nlstm.windows.dataset import TimeseriesDataset as TimeseriesDataset
from nlstm.windows.dataset import timeseries_dataset_from_array as timeseries_dataset_from_array
from nlstm.windows.final import fit_final as fit_final
from nlstm.windows.forecasts import Backtest as Backtest
from nlstm.windows.intervals import Intervals as Intervals
from nlstm.windows.nested import NestedBacktest as NestedBacktest
from nlstm.windows.nested import NestedFold as NestedFold
from nlstm.windows.nested import nested_backtest as nested_backtest
from nlstm.windows.parquet import FileColumns as FileColumns
from nlstm.windows.parquet import from_parquet as from_parquet
from nlstm.windows.scalers import LogScaler as LogScaler
from nlstm.windows.scalers import MinMaxScaler as MinMaxScaler
from nlstm.windows.scalers import RobustScaler as RobustScaler
from nlstm.windows.scalers import Scaler as Scaler
from nlstm.windows.scalers import StandardScaler as StandardScaler
from nlstm.windows.scalers import load_scaler as load_scaler
from nlstm.windows.source import Windows as Windows
from nlstm.windows.splits import BlockedSplit as BlockedSplit
from nlstm.windows.splits import ExpandingSplit as ExpandingSplit
from nlstm.windows.splits import PurgedKFold as PurgedKFold
from nlstm.windows.splits import SlidingSplit as SlidingSplit
from nlstm.windows.window_scaler import WindowScaler as WindowScaler
