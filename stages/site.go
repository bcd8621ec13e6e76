package stages

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// Site is what a user sets once for a cluster, in site.toml; flags of deeprc submit go before it.
type Site struct {
	Scheduler    string   `toml:"scheduler" default:"" doc:"slurm, pbs (OpenPBS, PBS Pro) or torque; empty: slurm where there is sbatch, pbs where there is qsub"`
	Partition    string   `toml:"partition" default:"" doc:"partition of Slurm or queue of PBS"`
	GPUPartition string   `toml:"gpu_partition" default:"" doc:"the same for jobs with GPUs, and for the GPU part of a heterogeneous job; empty: partition"`
	Account      string   `toml:"account" default:"" doc:"account that pays"`
	QOS          string   `toml:"qos" default:"" doc:"quality of service of Slurm"`
	Modules      []string `toml:"modules" default:"[]" doc:"modules to load, those that deeprc was built with"`
	MPI          string   `toml:"mpi" default:"" doc:"openmpi, mpich (also Intel MPI, MVAPICH, Cray MPICH), or gloo under Slurm; empty: DEEPRC_MPI, else openmpi"`
	SrunMPI      string   `toml:"srun_mpi" default:"" doc:"what srun --mpi= gets; empty: pmix for openmpi, pmi2 for mpich"`
	Home         string   `toml:"home" default:"" doc:"folder that holds deeprc and its plugins on the nodes; empty: that of this deeprc"`
	Options      []string `toml:"options" default:"[]" doc:"more options for sbatch or qsub, as \"--constraint=ib\" or \"-l place=scatter\""`
}

// SitePath is where site.toml is looked for: deeprc/site.toml in XDG_CONFIG_HOME, else in ~/.config.
func SitePath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where site.toml would be: %w", err)
	}
	return filepath.Join(dir, "deeprc", "site.toml"), nil
}

// LoadSite reads a site.toml; where there is none, nothing is set.
func LoadSite(path string) (*Site, error) {
	s := new(Site)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ConfigError{err}
	}
	tree, err := parseTOML(path, string(text), func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	d := newDecoder(path, string(text))
	if err := d.fill(reflect.ValueOf(s).Elem(), tree, ""); err != nil {
		return nil, ConfigError{err}
	}
	return s, nil
}
