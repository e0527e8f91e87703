/etc/role:
  file.managed:
    - contents: database
