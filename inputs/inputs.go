// Package inputs carries the TOML files of this folder inside the binary: one a run, and datasets.toml.
package inputs

import "embed"

// Files are the folder's TOML files by name.
//
//go:embed *.toml
var Files embed.FS
