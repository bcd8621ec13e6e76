package mesh

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// FromEnv is where this process belongs as its environment tells.
//
// Rank and number of ranks: RANK and WORLD_SIZE (torchrun, or by hand), else SLURM_PROCID
// and SLURM_STEP_NUM_TASKS or SLURM_NTASKS (srun), else JOB_COMPLETION_INDEX (an indexed
// job of Kubernetes) and DEEPRC_SIZE or WORLD_SIZE.
//
// Where they meet: DEEPRC_RENDEZVOUS (tcp://host:port of rank 0, or file:/shared/folder),
// else MASTER_ADDR and MASTER_PORT, else, in a Slurm step whose variables tell the rank,
// its first host and the port 20000 + FNV-1a-32("SLURM_JOB_ID.SLURM_STEP_ID") mod 10000.
// Under a torchrun whose agent holds MASTER_PORT itself (TORCHELASTIC_USE_AGENT_STORE) it
// is the port after that.
//
// DEEPRC_INTERFACE (else GLOO_SOCKET_IFNAME): see [Config.Interface]. DEEPRC_JOIN_TIMEOUT
// and DEEPRC_SILENCE: durations such as 90s.
//
// DEEPRC_KEY, the same for all ranks, is the world's secret. Without it the key is the
// numbers of Slurm's job and step where these tell the rank, else TORCHELASTIC_RUN_ID,
// else nothing: that keeps the processes of other jobs out by mistake, but is no secret,
// so whoever reaches the port and knows deeprc can join.
func FromEnv(env func(string) string) (Config, error) {
	var c Config
	names, err := c.place(env)
	if err != nil {
		return Config{}, err
	}
	c.Source = names.rank + "=" + env(names.rank) + ", " + names.size + "=" + env(names.size)
	slurm := names.rank == slurmRank
	if c.Size > 1 {
		if err := c.meeting(env, slurm); err != nil {
			return Config{}, err
		}
	}
	c.Interface = env("DEEPRC_INTERFACE")
	if c.Interface == "" {
		c.Interface = env("GLOO_SOCKET_IFNAME")
	}
	if c.Timeout, err = duration(env, "DEEPRC_JOIN_TIMEOUT"); err != nil {
		return Config{}, err
	}
	if c.Silence, err = duration(env, "DEEPRC_SILENCE"); err != nil {
		return Config{}, err
	}
	switch {
	case env("DEEPRC_KEY") != "":
		c.Key = env("DEEPRC_KEY")
	case slurm:
		c.Key = "slurm " + env("SLURM_JOB_ID") + "." + env("SLURM_STEP_ID")
	default:
		c.Key = env("TORCHELASTIC_RUN_ID")
	}
	return c, nil
}

const slurmRank = "SLURM_PROCID"

// launchers is the variables that tell rank and number of ranks, in order of precedence.
var launchers = []struct {
	rank  string
	sizes []string // the first that is set counts
}{
	{"RANK", []string{"WORLD_SIZE"}},
	{slurmRank, []string{"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}},
	{"JOB_COMPLETION_INDEX", []string{"DEEPRC_SIZE", "WORLD_SIZE"}},
}

// placeNames is the variables that told rank and number of ranks.
type placeNames struct{ rank, size string }

// place sets Rank and Size.
func (c *Config) place(env func(string) string) (names placeNames, err error) {
	for _, l := range launchers {
		if env(l.rank) == "" {
			continue
		}
		names.rank = l.rank
		for _, name := range l.sizes {
			if env(name) != "" {
				names.size = name
				break
			}
		}
		if names.size == "" {
			return names, fmt.Errorf("%s=%q is set, but not %s: want the number of ranks there", l.rank, env(l.rank), strings.Join(l.sizes, " or "))
		}
		if c.Size, err = number(env, names.size, 1, maxRanks); err != nil {
			return names, err
		}
		if c.Rank, err = number(env, names.rank, 0, c.Size-1); err != nil {
			return names, fmt.Errorf("%w (%s=%d)", err, names.size, c.Size)
		}
		return names, nil
	}
	set := ""
	for _, name := range []string{"WORLD_SIZE", "DEEPRC_SIZE"} {
		if env(name) != "" {
			set = fmt.Sprintf("; %s=%q is set, but no variable tells the rank", name, env(name))
			break
		}
	}
	return names, fmt.Errorf("which rank is this, and of how many? Set RANK and WORLD_SIZE for each process (torchrun and srun set theirs), and MASTER_ADDR and MASTER_PORT, or DEEPRC_RENDEZVOUS%s", set)
}

func number(env func(string) string, name string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(env(name))
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%s=%q: want a whole number from %d to %d", name, env(name), lo, hi)
	}
	return n, nil
}

// duration is 0 for a variable that is not set.
func duration(env func(string) string, name string) (time.Duration, error) {
	text := env(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s=%q: want a duration above 0, such as 90s or 5m", name, text)
	}
	return d, nil
}

// meeting sets Address or Folder.
func (c *Config) meeting(env func(string) string, slurm bool) (err error) {
	host, port := env("MASTER_ADDR"), env("MASTER_PORT")
	switch {
	case env("DEEPRC_RENDEZVOUS") != "":
		return c.rendezvous(env("DEEPRC_RENDEZVOUS"))
	case host != "":
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		}
		if !validHost(host) {
			return fmt.Errorf("MASTER_ADDR=%q: want the host name or IP address of rank 0", env("MASTER_ADDR"))
		}
		n, err := number(env, "MASTER_PORT", 1, 1<<16-1)
		if err != nil {
			return fmt.Errorf("MASTER_ADDR=%q is set, but %w, the port on which rank 0 listens", host, err)
		}
		if strings.EqualFold(env("TORCHELASTIC_USE_AGENT_STORE"), "true") {
			if n++; n == 1<<16 {
				return fmt.Errorf("MASTER_PORT=%q: torchrun holds it, and there is none after it; want a lower one", port)
			}
		}
		c.Address = net.JoinHostPort(host, strconv.Itoa(n))
		return nil
	case port != "":
		return fmt.Errorf("MASTER_PORT=%q is set, but not MASTER_ADDR: want the host name or IP address of rank 0 there", port)
	case slurm:
		if c.Address, err = slurmAddress(env); err != nil {
			return fmt.Errorf("%w; or set MASTER_ADDR and MASTER_PORT", err)
		}
		return nil
	}
	return fmt.Errorf("where do the %d ranks (%s) meet? Set MASTER_ADDR and MASTER_PORT (host of rank 0 and a free port there), or DEEPRC_RENDEZVOUS=file:/folder that all hosts share", c.Size, c.Source)
}

// rendezvous sets Address or Folder from a URL.
func (c *Config) rendezvous(url string) error {
	if address, ok := strings.CutPrefix(url, "tcp://"); ok && validAddress(address) {
		c.Address = address
		return nil
	}
	if folder, ok := strings.CutPrefix(url, "file:"); ok && strings.HasPrefix(folder, "/") {
		if host, ok := strings.CutPrefix(folder, "//"); !ok || strings.HasPrefix(host, "/") { // no file://host/folder
			if folder = filepath.Clean(folder); folder != "/" && !strings.ContainsRune(folder, 0) {
				c.Folder = folder
				return nil
			}
		}
	}
	return fmt.Errorf("DEEPRC_RENDEZVOUS=%q: want tcp://host:port of rank 0, or file:/folder that all hosts share", url)
}

// slurmAddress is where the ranks of a Slurm step meet without being told.
func slurmAddress(env func(string) string) (string, error) {
	for _, name := range []string{"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"} {
		if env(name) == "" {
			continue
		}
		first, err := firstHost(env(name))
		if err != nil {
			return "", fmt.Errorf("%s=%q: %w", name, env(name), err)
		}
		if env("SLURM_JOB_ID") == "" {
			return "", fmt.Errorf("%s=%q is set, but not SLURM_JOB_ID: want the job's number there", slurmRank, env(slurmRank))
		}
		h := fnv.New32a()
		h.Write([]byte(env("SLURM_JOB_ID") + "." + env("SLURM_STEP_ID")))
		return net.JoinHostPort(first, strconv.Itoa(20000+int(h.Sum32()%10000))), nil
	}
	return "", fmt.Errorf("%s=%q is set, but neither SLURM_STEP_NODELIST nor SLURM_JOB_NODELIST: want the hosts of this step there", slurmRank, env(slurmRank))
}

// firstHost is the first host of a list as Slurm writes it: a1,a2 or rack[03-05,9]n[1-4].
func firstHost(list string) (string, error) {
	bad := errors.New("want a list of hosts such as node1,node2 or node[01-16]")
	var b strings.Builder
	for rest := list; rest != "" && rest[0] != ','; {
		if rest[0] != '[' {
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		inside, after, ok := strings.Cut(rest[1:], "]")
		first, _, _ := strings.Cut(inside, ",")
		first, _, _ = strings.Cut(first, "-")
		if !ok || first == "" || strings.Trim(first, "0123456789") != "" {
			return "", bad
		}
		b.WriteString(first)
		rest = after
	}
	if !validHost(b.String()) {
		return "", bad
	}
	return b.String(), nil
}
