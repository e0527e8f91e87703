base:
  '*':
    - issue
  'web*':
    - web
  'db1,db2':
    - match: list
    - db
