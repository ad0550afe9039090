"""One invented answer in each of eight languages, to try what is made for English against."""

ANSWERS = {
    "de": (
        "Mein Vater war Tischler, und samstags durfte ich die Späne zusammenkehren. Ich habe den "
        "Geruch noch in der Nase. Er sprach wenig, aber wenn eine Schublade gut lief, ließ er sie "
        "zweimal auf- und zugehen. Heute mache ich das auch. Meine Frau lacht darüber. Ich glaube, "
        "er hätte es verstanden, obwohl wir nie darüber geredet haben."
    ),
    "fr": (
        "Quand j'étais petite, nous allions chercher le lait à la ferme avec un pot en fer. Le "
        "chemin faisait deux kilomètres. Ma sœur chantait tout le long et je comptais les poteaux. "
        "Je me souviens encore du chien qui nous attendait. Aujourd'hui la ferme est une maison de "
        "vacances, et personne ne sait plus que le puits était derrière."
    ),
    "es": (
        "Mi abuela guardaba las cartas en una caja de galletas. No sabía leer, pero las conocía "
        "todas por el color del sobre. Los domingos me pedía que le leyera una y yo elegía siempre "
        "la misma. Era de su hermano, que se había ido a la Argentina. Nunca supe si me escuchaba "
        "a mí o a él."
    ),
    "it": (
        "La prima volta che ho visto il mare avevo undici anni. Mio zio ci portò con il furgone "
        "della frutta. Io non volevo scendere, perché faceva troppo rumore. Poi mia cugina mi "
        "prese la mano e siamo rimasti lì fino a sera. Quando sono stanco penso ancora a quella "
        "luce."
    ),
    "nl": (
        "Wij woonden boven de bakkerij en daarom heb ik nooit een wekker gehad. Om vier uur ging "
        "de oven aan. Mijn broer kon er niet van slapen, maar ik vond het een fijn geluid. Later, "
        "in de stad, heb ik weken wakker gelegen van de stilte. Dat begreep niemand."
    ),
    "pt": (
        "O meu primeiro trabalho foi na oficina do senhor que morava ao lado. Ele não me pagava, "
        "mas deixava-me ouvir o rádio. Aprendi a tirar um motor antes de aprender a dançar. Ainda "
        "hoje, quando um carro passa na rua, sei o que ele tem. A minha filha diz que é mania."
    ),
    "pl": (
        "Moja matka piekła chleb w każdą sobotę, a my czekaliśmy przy oknie. Najlepsza była "
        "piętka, jeszcze gorąca. Kłóciłem się o nią z siostrą przez całe dzieciństwo. Teraz "
        "mieszkamy daleko od siebie i dzwonimy rzadko. Kiedy czuję zapach chleba, chcę jej oddać "
        "tę piętkę."
    ),
    "sv": (
        "Farfar lärde mig att vänta. Vi satt i båten hela morgonen och ofta fick vi ingenting. Han "
        "tyckte inte att det gjorde något. Jag blev arg och ville hem, men nu åker jag själv ut "
        "dit varje sommar. Det är inte fisken jag saknar, det är att någon sitter bredvid."
    ),
}
