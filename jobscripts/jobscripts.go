// Package jobscripts carries the scripts of this folder inside the binary, for deeprc submit.
package jobscripts

import "embed"

// Files are the folder's scripts by name.
//
//go:embed *.sh *.sbatch *.pbs
var Files embed.FS
