// Package archtest holds tests only: the laws of the design and of the house style, read off the source. It owns the table of
// layers, in which every package has its place, and every exception with its reason. It must never import what it judges.
package archtest
