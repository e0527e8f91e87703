/etc/motd:
  file.managed:
    - contents: Kept by Brine.
