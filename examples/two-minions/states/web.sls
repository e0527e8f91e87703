/etc/role:
  file.managed:
    - contents: web server
