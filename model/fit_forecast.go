package model

// A Forecaster forecasts windows of the series slab.
type Forecaster interface {
	// Predict writes the forecasts (n, C, H) of windows lo … lo+n−1.
	Predict(dst []float32, ws Windows, lo, n int) error
}

// A ColumnForecaster also forecasts quantiles.
type ColumnForecaster interface {
	Forecaster
	Columns() []float64 // the quantile of each column, 0 for the point forecast; what Predict writes is the first
	// PredictColumns writes into each column the forecasts (n, C, H) of windows lo … lo+n−1.
	PredictColumns(dst [][]float32, ws Windows, lo, n int) error
}

// Predict writes the point forecasts (n, C, H) of windows lo … lo+n−1 into dst.
func (f *Fit) Predict(dst []float32, ws Windows, lo, n int) error {
	return f.PredictColumns([][]float32{dst}, ws, lo, n)
}

// Columns are those of the loss.
func (f *Fit) Columns() []float64 { return f.Loss.Columns() }

// cast puts what the net forecasts of windows lo … lo+n−1, at most Batch, into f.out: (n, C, H, K) of the loss's values, or of paths.
func (f *Fit) cast(ws Windows, lo, n int) error {
	batchOffsets(f.at, f.weight, ws, f.rows, n, func(j int) int { return lo + j })
	if err := f.forecast.WriteInts(f.castAt, f.at); err != nil {
		return err
	}
	if f.castDraw != nil {
		f.drawAt = [3]int64{int64(f.seed), 0, int64(lo)}
		if err := f.forecast.WriteInts(f.castDraw, f.drawAt[:]); err != nil {
			return err
		}
	}
	if err := f.forecast.Run(); err != nil {
		return err
	}
	return f.forecast.Read(f.out, f.castOut)
}

// PredictColumns writes the first columns of the forecasts (n, C, H) of windows lo … lo+n−1.
func (f *Fit) PredictColumns(dst [][]float32, ws Windows, lo, n int) error {
	size := f.Channels * f.Horizon
	k, columns := f.Loss.Outputs(), f.Loss.Forecast
	if f.paths > 0 {
		k, columns = f.paths, f.Loss.ForecastPaths
	}
	for i := 0; i < n; i += f.Batch {
		m := min(f.Batch, n-i)
		if err := f.cast(ws, lo+i, m); err != nil {
			return err
		}
		if k == 1 && len(dst) == 1 && len(f.cells) == 1 { // the value itself
			copy(dst[0][i*size:(i+m)*size], f.out)
			continue
		}
		for j := range m * size {
			columns(f.cells, f.out[j*k:][:k])
			for c := range dst {
				dst[c][i*size+j] = float32(f.cells[c])
			}
		}
	}
	return nil
}
