package file

// Draft is draft, for the test that it agrees with internal/hostfs.
var Draft = draft
