"""Many more sample repositories: from tables of words, and of invented words.

A model that is trained on a few projects learns their file names by heart. Only
where every project has names of its own does it pay to copy them from the change.
"""

import hashlib
from random import Random

from diffscribe.samples.vocabulary import (
    DEPENDABOT,
    RENOVATE,
    REPOSITORIES,
    Repository,
    Words,
)

PEOPLE = (
    "Aisha Khan",
    "Bruno Costa",
    "Clara Jensen",
    "Diego Vargas",
    "Elif Öztürk",
    "Farid Nasser",
    "Greta Lindqvist",
    "Hugo Bernard",
    "Ines Pereira",
    "Jonas Keller",
    "Kateřina Malá",
    "Liam Byrne",
)

DEPENDENCIES = {
    "python": (("attrs", "23.1.0"), ("pytest", "8.0.0"), ("rich", "13.7.0")),
    "typescript": (("vitest", "1.2.0"), ("typescript", "5.3.0"), ("eslint", "8.56.0")),
    "go": (("golang.org/x/text", "0.14.0"), ("github.com/google/uuid", "1.5.0")),
    "rust": (("serde", "1.0.190"), ("thiserror", "1.0.50"), ("rand", "0.8.4")),
    "java": (("junit-jupiter", "5.10.0"), ("guava", "32.1.0")),
    "c": (("zlib", "1.3.0"), ("cmocka", "1.1.5")),
}

TABLES = """
wardbook | python | Beds, visits and rotas of a small clinic.
patient | visit, dose | name, allergy | admits people
ward | bed, shift | nurse, floor | places patients
triage | urgency, wait | symptom, color | sorts arrivals
pharmacy | pill, refill | drug, brand | hands out drugs
rota | night, swap | doctor, team | plans shifts
billing | fee, invoice | payer, tariff | writes bills
lab | sample, assay | analyte, tube | measures blood
referral | delay, transfer | clinic, letter | sends on
consent | signature, version | form, guardian | asks first

trailhead | typescript | Plans hikes and knows when to turn back.
trail | slope, kilometer | terrain, sign | describes ways
weather | gust, frost | cloud, forecast | warns hikers
summit | height, ascent | peak, ridge | ranks mountains
shelter | bunk, stove | hut, keeper | finds roofs
gear | strap, liter | rope, brand | packs bags
rescue | alert, flare | pilot, crew | calls help
compass | bearing, turn | needle, direction | points north
supply | snack, battery | grocer, parcel | counts food
journal | photo, stage | author, entry | keeps memories

beanline | go | Roasting and brewing coffee by numbers.
roast | minute, crack | bean, drum | heats beans
grind | notch, micron | burr, grade | mills beans
brew | gram, pour | filter, recipe | makes coffee
cupping | score, sip | aroma, taster | tastes
cellar | sack, harvest | origin, farm | stores sacks
kettle | degree, boil | metal, spout | heats water
menu | price, cup | drink, board | lists drinks
barista | shift, tip | name, apron | plans people
steam | bar, burst | nozzle, milk | froths

reefwatch | rust | Counts what lives on a reef.
survey | transect, dive | diver, site | walks the reef
coral | polyp, branch | genus, colony | measures growth
fish | shoal, sighting | fin, stripe | counts fish
tide | surge, hour | moon, harbor | knows the sea
probe | reading, volt | sensor, cable | reads sensors
bleach | outbreak, week | stage, patch | tracks damage
anchor | chain, knot | buoy, vessel | protects ground
atlas | tile, layer | chart, legend | draws maps
permit | quota, renewal | agency, holder | asks the state

stagehand | python | Cues, lights and sound for a theater.
cue | beat, fade | caption, actor | fires on time
lamp | watt, dimmer | gel, fixture | lights the stage
sound | channel, decibel | speaker, effect | mixes sound
prop | copy, repair | table, chest | hands out things
scene | act, entrance | place, mood | orders the play
ticket | seat, refund | guest, coupon | sells seats
costume | stitch, button | fabric, shoe | dresses actors
script | page, cut | author, speech | keeps the text
curtain | pull, pleat | velvet, drape | opens

pinboard | typescript | A wall of notes that several people share.
note | fold, edit | headline, draft | holds text
board | zone, zoom | wall, theme | shows notes
cursor | pixel, click | pointer, shape | follows hands
share | invite, expiry | guest, link | lets people in
undo | revision, depth | action, marker | takes back
vote | ballot, point | winner, opinion | finds favorites
emoji | reaction, glyph | face, alias | shows feelings
sync | packet, retry | client, session | keeps equal
layout | margin, snap | grid, corner | tidies up

ledgerline | java | Double-entry bookkeeping for clubs.
account | balance, credit | owner, currency | holds money
posting | debit, cent | memo, voucher | books money
budget | ceiling, overrun | purpose, sponsor | plans spending
member | due, absence | nickname, street | knows people
bank | transfer, fee | branch, iban | moves money
closing | quarter, profit | auditor, stamp | ends years
grant | share, bonus | donor, project | takes gifts
loan | rate, payment | lender, pledge | lends
donation | gift, match | giver, letter | thanks

packetlab | c | Takes network packets apart.
frame | octet, gap | vendor, preamble | cuts frames
packet | hop, fragment | sender, option | reads headers
checksum | carry, error | field, digit | checks bytes
flow | burst, window | peer, direction | follows talks
dns | query, answer | domain, server | resolves names
capture | buffer, loss | file, device | records wires
replay | delay, loop | scenario, tag | sends again
trace | span, jitter | router, country | finds ways
socket | port, backlog | host, family | listens

seedbank | python | Keeps seeds alive and knows their parents.
seed | gram, crop | species, packet | describes seeds
germ | sprout, tray | medium, lamp | tests seeds
vault | drawer, degree | room, lock | keeps cold
parent | cross, gene | pollen, line | knows origins
plot | furrow, meter | soil, field | plants
harvest | basket, day | picker, barn | brings in
label | print, barcode | font, ribbon | names bags
pest | trap, larva | beetle, spray | fights bugs
trade | offer, parcel | grower, country | swaps seeds

quizforge | typescript | Builds quizzes and marks them.
question | hint, option | stem, topic | asks
answer | point, guess | key, phrase | checks
deck | card, shuffle | cover, author | groups questions
grade | credit, curve | pupil, remark | marks answers
round | buzzer, bonus | team, prize | runs games
upload | row, skip | column, sheet | reads files
badge | streak, level | medal, motto | rewards
media | frame, loop | image, caption | shows pictures
lobby | player, ping | avatar, room | gathers people

tramline | go | Timetables and delays of trams.
stop | platform, transfer | name, zone | lists stops
line | trip, minute | color, terminus | draws lines
delay | jam, cause | reason, notice | reports lateness
fare | coin, ride | card, tariff | sells rides
driver | pause, hour | badge, depot | plans people
track | crossing, meter | rail, signal | knows rails
crowd | rider, door | camera, carriage | counts riders
power | volt, spike | cable, station | feeds trams
detour | block, bend | street, bridge | finds ways

mapfold | rust | Folds maps so that they open right.
sheet | crease, width | paper, rim | describes paper
fold | angle, layer | style, spine | folds
scale | ratio, unit | ruler, label | measures
symbol | dot, stroke | icon, meaning | marks places
relief | contour, meter | shade, hill | draws heights
index | page, cell | town, street | finds towns
ink | drop, coat | pigment, plate | prints
cover | spine, inch | title, photo | protects
print | copy, proof | press, batch | prints maps

hivekeeper | python | A diary for beekeepers.
hive | frame, visit | stand, roof | describes hives
queen | egg, clutch | paint, breeder | follows queens
honey | jar, kilo | flavor, bloom | counts honey
swarm | hour, catch | tree, scout | catches swarms
mite | larva, wash | remedy, brood | fights mites
feed | liter, cake | sugar, feeder | feeds bees
wax | sheet, candle | mold, wick | melts wax
scalebox | gram, alarm | sensor, battery | weighs hives
market | sale, stall | customer, label | sells honey

rowlock | java | Crews, boats and races of a rowing club.
boat | seat, repair | hull, maker | keeps boats
crew | stroke, swap | rower, cox | seats rowers
race | lap, split | lane, rival | times races
oar | inch, grip | blade, sleeve | fits oars
river | current, lock | bank, bend | knows water
training | drill, pulse | lesson, coach | plans work
trophy | win, tie | cup, donor | counts wins
trailer | wheel, rack | hitch, plate | moves boats
launch | ramp, minute | dock, guard | starts boats

kilnlog | typescript | Firing schedules for potters.
kiln | shelf, element | brick, vent | describes kilns
firing | ramp, hold | cone, program | heats clay
glaze | gram, coat | oxide, finish | mixes glazes
clay | kilo, wedge | body, pit | knows clay
mold | cast, plaster | shape, seam | casts
wheel | turn, pedal | bat, splash | throws pots
studio | hour, rent | potter, bench | shares rooms
sale | price, piece | shop, tag | sells pots
crack | flaw, repair | joint, cause | explains breaks

skyqueue | python | Plans a night at a telescope.
target | magnitude, transit | star, catalog | picks stars
mirror | segment, flaw | coating, cell | forms images
camera | pixel, frame | chip, filter | takes images
dome | slit, turn | motor, panel | opens
mount | axle, notch | gear, pier | points
seeing | twinkle, layer | site, monitor | judges air
night | slot, cloud | observer, plan | orders targets
archive | tape, copy | survey, header | keeps images
guide | nudge, loop | probe, field | stays on target
"""
"""Blocks: `name | language | summary`, then `module | numbers | texts | purpose`;
the last module replaces another one, as in vocabulary.py."""


INVENTED = 24
"""Repositories whose nouns are in no dictionary."""

ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "t", "v", "z", "br", "tr")
VOWELS = ("a", "e", "i", "o", "u")
CODAS = ("k", "l", "m", "n", "p", "r", "t", "nd", "rk", "lt")


def all_repositories() -> tuple[Repository, ...]:
    """Return the eight of vocabulary.py, those of the tables, and invented ones."""
    blocks = TABLES.strip().split("\n\n")
    tables = (_repository(number, block) for number, block in enumerate(blocks))
    return (*REPOSITORIES, *tables, *map(_invented, range(INVENTED)))


def _invented(number: int) -> Repository:
    digest = hashlib.sha256(f"invented {number}".encode()).digest()
    rng = Random(int.from_bytes(digest[:8], "big"))  # noqa: S311
    language = sorted(DEPENDENCIES)[number % len(DEPENDENCIES)]
    words: dict[str, None] = {}
    while len(words) < 46:
        word = rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(ONSETS)
        words[word + rng.choice(VOWELS) + rng.choice(CODAS)] = None
    name, *nouns = words
    rows = [nouns[start : start + 5] for start in range(0, 45, 5)]
    head = f"{name} | {language} | What a {nouns[0]} needs."
    return _repository(
        len(PEOPLE) + number,
        "\n".join(
            [
                head,
                *(f"{a} | {b}, {c} | {d}, {e} | keeps {b}s" for a, b, c, d, e in rows),
            ]
        ),
    )


def _repository(number: int, block: str) -> Repository:
    head, *rows = block.splitlines()
    name, language, summary = head.split(" | ")
    people = [PEOPLE[(number * 5 + step) % len(PEOPLE)] for step in range(3)]
    return Repository(
        name,
        language,
        summary,
        ("MIT", "Apache-2.0", "BSD-3-Clause", "ISC")[number % 4],
        True,
        tuple(f"{who} <{who.split()[0].lower()}@example.org>" for who in people),
        (DEPENDABOT, RENOVATE)[number % 2],
        tuple(_words(row) for row in rows),
        DEPENDENCIES[language],
        ("docs/introducción.md", "# Introducción"),
    )


def _words(row: str) -> Words:
    name, numbers, texts, purpose = row.split(" | ")
    return Words(name, tuple(numbers.split(", ")), tuple(texts.split(", ")), purpose)
