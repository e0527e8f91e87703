/etc/motd:
  file.managed:
    - source: brine://motd
    - mode: '0644'
