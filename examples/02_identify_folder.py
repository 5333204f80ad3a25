"""Who is on the pictures of a folder? Five lines, after one picture per person has been enrolled.

python examples/02_identify_folder.py people/ album/ gallery.db
"""

import sys

from facerec import Recognizer, images

people, album, gallery = sys.argv[1:]
recognizer = Recognizer.open(gallery, face="largest")
for person in images.find(people):
    list(recognizer.enroll(person.stem, [person]))
for picture in images.find(album):
    print(picture.name, [face.subject or "unknown" for face in recognizer.identify(picture)])
