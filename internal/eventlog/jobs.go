package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"brine/internal/job"
)

// JobQuery says which jobs to read. Its zero value is all of them, oldest first.
type JobQuery struct {
	Open    bool   // only those that still wait for something
	Dead    bool   // only dead letters: what rules decided, and was given up or has expired
	Target  string // glob; "" is all
	Limit   int    // at most so many; 0: no limit
	Reverse bool   // newest first
}

// Jobs gives the jobs that match, by the time of their creation. One that cannot be read is given as its error, and
// the next follow.
func (l *Log) Jobs(q JobQuery) iter.Seq2[job.Job, error] {
	kind := byte(kindJobTime)
	if q.Open {
		kind = kindOpenJob
	}
	return func(yield func(job.Job, error) bool) {
		glob, err := parseGlob(q.Target)
		if err != nil {
			yield(job.Job{}, fmt.Errorf("target: %w", err))
			return
		}
		given := 0
		for p, err := range l.each([]byte{kind}, []byte{kind + 1}, q.Reverse) {
			if err != nil {
				yield(job.Job{}, err)
				return
			}
			jid, target, ok := jobOfTime(p.key)
			if !ok || glob != nil && !glob.Match(target, nil) {
				continue
			}
			j, err := l.job(jid, target)
			if errors.Is(err, ErrNotFound) || err == nil && (q.Open && !j.Status.Open() || q.Dead && !j.DeadLetter() || !sameTime(p.key, j)) {
				continue
			}
			if !yield(j, err) {
				return
			}
			if given++; given == q.Limit {
				return
			}
		}
	}
}

// sameTime reports whether the key leads to the job as it is now, and not as it was put once with another time.
func sameTime(key []byte, j job.Job) bool {
	return string(key) == string(jobTimeKey(key[0], j.Created.UnixNano(), j.JID, j.Target))
}

func jobOfTime(key []byte) (jid, target string, ok bool) {
	if len(key) < 9 {
		return "", "", false
	}
	return strings.Cut(string(key[9:]), "\x00")
}

// Job is the jobs with this jid, one for each target. ErrNotFound when there is none.
func (l *Log) Job(jid string) ([]job.Job, error) {
	prefix := textKey(kindJob, jid, "")
	var jobs []job.Job
	var damaged []error
	for p, err := range l.each(prefix, after(prefix), false) {
		var j job.Job
		if err = errors.Join(err, p.err); err == nil {
			j, err = parseJob(p.key, p.payload)
		}
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		jobs = append(jobs, j)
	}
	if len(jobs) == 0 && damaged == nil {
		return nil, fmt.Errorf("job %q: %w", jid, ErrNotFound)
	}
	return jobs, errors.Join(damaged...)
}

func (l *Log) job(jid, target string) (job.Job, error) {
	key := jobKey(jid, target)
	b, err := l.one(key)
	l.settle()
	if err != nil {
		return job.Job{}, err
	}
	return parseJob(key, b)
}

func parseJob(key, b []byte) (job.Job, error) {
	var j job.Job
	if err := json.Unmarshal(b, &j); err != nil {
		return job.Job{}, &DamagedError{What: keyName(key), Why: "it cannot be decoded", Err: err}
	}
	return j, nil
}
