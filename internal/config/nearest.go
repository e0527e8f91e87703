package config

import "strings"

// maxWord bounds the words that Nearest compares, in bytes: nobody misspells longer ones.
const maxWord = 64

// Nearest is the known word that the given one was probably meant to be, or "". Case and the difference of '-' and '_' do
// not count; else a third of the letters may be wrong, missing, too many or swapped.
func Nearest(word string, known []string) string {
	best, bestAt := "", 1+max(1, min(len(word)/3, 4))
	if word == "" || len(word) > maxWord {
		return ""
	}
	for _, k := range known {
		if len(k) > maxWord {
			continue
		}
		if d := distance(fold(word), fold(k)); d < bestAt && d < len(k) {
			best, bestAt = k, d
		}
	}
	return best
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance counts the letters to change, add, drop or swap with their neighbour (optimal string alignment).
func distance(a, b string) int {
	var two, one, row [maxWord*4 + 1]int // lower case may be longer in bytes
	if len(a) >= len(row) || len(b) >= len(row) {
		return len(row)
	}
	for j := range len(b) + 1 {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one = one, row
	}
	return one[len(b)]
}
